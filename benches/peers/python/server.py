"""A server with FastMCP: `server.py stdio|http`, as its documentation builds it."""

import socket
import sys

import uvicorn
from fastmcp import Context, FastMCP

server = FastMCP("bench")


@server.tool
def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@server.tool
def echo(text: str) -> str:
    """Say it again."""
    return text


@server.tool
async def create_product(product_name: str, keywords: str, ctx: Context) -> str:
    """Create a product and let the client's model describe it."""
    answer = await ctx.sample(f"Create a product description about {keywords}", max_tokens=100)
    return f"{product_name}: {answer.text}"


if sys.argv[1] == "stdio":
    server.run(show_banner=False)
else:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    config = uvicorn.Config(server.http_app(path="/mcp"), log_level="error")
    uvicorn.Server(config).run(sockets=[listener])
