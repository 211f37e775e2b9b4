"""A server made with the official SDK of version 2, of both eras, over HTTP or as the argument says. Over HTTP it prints
its URL."""

import asyncio
import socket
import sys
from typing import Annotated

import uvicorn
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve, Sample
from mcp_types import (
    CreateMessageResult,
    CreateMessageResultWithTools,
    EmptyResult,
    SamplingMessage,
    SubscribeRequestParams,
    TextContent,
    Tool,
)
from pydantic import BaseModel, Field

server = MCPServer("python", instructions="Ask.", log_level="ERROR")


given_up = asyncio.Event()


async def subscribe(context, params) -> EmptyResult:
    return EmptyResult()


# In the legacy era subscribing is left to whoever makes the server.
server._lowlevel_server.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)


class Size(BaseModel):
    size: int


def model(question: str) -> Sample:
    return Sample([SamplingMessage(role="user", content=TextContent(type="text", text=question))], max_tokens=7)


def model_with_tools() -> Sample:
    messages = [SamplingMessage(role="user", content=TextContent(type="text", text="tea"))]
    schema = {"type": "object", "properties": {"query": {"type": "string"}}}
    return Sample(messages, max_tokens=7, tools=[Tool(name="search", input_schema=schema)])


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
async def shop(answer: Annotated[CreateMessageResultWithTools, Resolve(model_with_tools)]) -> str:
    """Ask the model, which has a tool, what to do."""
    [use] = answer.content if isinstance(answer.content, list) else [answer.content]
    return f"{use.name} {use.input['query']}"


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
async def linger(ctx: Context) -> str:
    """Say that it has begun, and never end."""
    try:
        await ctx.report_progress(1)
        await asyncio.Event().wait()
    finally:
        given_up.set()


@server.tool()
async def dropped() -> bool:
    """Wait until a call was given up."""
    await given_up.wait()
    given_up.clear()
    return True


@server.tool()
async def touch(ctx: Context) -> str:
    """Change the note."""
    if ctx.protocol_version < "2026":
        await ctx.session.send_resource_updated("note://tea")
    else:
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


mode = sys.argv[1] if len(sys.argv) > 1 else "streamable"
if mode == "stdio":
    server.run("stdio")
    sys.exit()
listener = socket.create_server(("127.0.0.1", 0))
host = f"http://127.0.0.1:{listener.getsockname()[1]}"
if mode == "sse":
    app, path = server.sse_app(), "/sse"
else:
    app, path = server.streamable_http_app(json_response=mode == "json", stateless_http=mode == "stateless"), "/mcp"
print(host + path, flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
