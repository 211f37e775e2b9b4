"""A server made with the official SDK of version 2, over HTTP: of both eras, or as the argument says. Prints its URL."""

import socket
import sys
from typing import Annotated

import uvicorn
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve, Sample
from mcp_types import CreateMessageResult, SamplingMessage, TextContent
from pydantic import BaseModel, Field

server = MCPServer("python", instructions="Ask.", log_level="ERROR")


class Size(BaseModel):
    size: int


def model(question: str) -> Sample:
    return Sample([SamplingMessage(role="user", content=TextContent(type="text", text=question))], max_tokens=7)


def user() -> Elicit[Size]:
    return Elicit("Which size?", Size)


@server.tool()
def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@server.tool()
def region(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    """Look up a region."""
    return region


@server.tool()
async def ask(question: str, answer: Annotated[CreateMessageResult, Resolve(model)]) -> str:
    """Ask the model."""
    return answer.content.text


@server.tool()
async def order(size: Annotated[Size, Resolve(user)]) -> int:
    """Ask the user."""
    return size.size


@server.tool()
async def report(ctx: Context) -> str:
    """Tell how far it is."""
    await ctx.report_progress(1, 2)
    await ctx.report_progress(2, 2)
    return "reported"


@server.tool()
async def touch(ctx: Context) -> str:
    """Change the note."""
    await ctx.notify_resource_updated("note://tea")
    return "touched"


@server.tool()
def broken() -> str:
    """Break."""
    raise RuntimeError("the shelf fell")


@server.resource("note://tea")
def note() -> str:
    """A note."""
    return "about tea"


@server.prompt()
def greet(name: str) -> str:
    """Greet."""
    return f"Greet {name}"


listener = socket.create_server(("127.0.0.1", 0))
mode = sys.argv[1] if len(sys.argv) > 1 else "streamable"
host = f"http://127.0.0.1:{listener.getsockname()[1]}"
if mode == "sse":
    app, path = server.sse_app(), "/sse"
else:
    app, path = server.streamable_http_app(json_response=mode == "json", stateless_http=mode == "stateless"), "/mcp"
print(host + path, flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
