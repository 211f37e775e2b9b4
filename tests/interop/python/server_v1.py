"""A server made with the official SDK of version 1, as the argument says. Over HTTP it prints its URL."""

import asyncio
import functools
import socket
import sys

import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.lowlevel import NotificationOptions
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.types import SamplingMessage, TextContent, Tool
from pydantic import BaseModel


class Size(BaseModel):
    size: int


class Memory(EventStore):
    """All events, so that clients can come back for them."""

    def __init__(self) -> None:
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id, send_callback):
        stream = self.events[int(last_event_id) - 1][0]
        for number, (stream_id, message) in enumerate(self.events[int(last_event_id) :], int(last_event_id) + 1):
            if stream_id == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


mode = sys.argv[1] if len(sys.argv) > 1 else "streamable"
server = FastMCP(
    "python-1",
    instructions="Ask.",
    log_level="ERROR",
    json_response=mode == "json",
    stateless_http=mode == "stateless",
    event_store=Memory() if mode == "resumable" else None,
    retry_interval=100 if mode == "resumable" else None,
)

given_up = asyncio.Event()
# It tells of changes, and must be told to say so.
if mode != "resumable":
    low = server._mcp_server
    options = NotificationOptions(tools_changed=True)
    low.create_initialization_options = functools.partial(low.create_initialization_options, options)


@server.tool()
def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@server.tool()
async def ask(question: str, ctx: Context) -> str:
    """Ask the model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=question))
    answer = await ctx.session.create_message([message], max_tokens=7, related_request_id=ctx.request_id)
    return answer.content.text


@server.tool()
async def shop(ctx: Context) -> str:
    """Ask the model, which has a tool, what to do."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text="tea"))
    search = Tool(name="search", inputSchema={"type": "object", "properties": {"query": {"type": "string"}}})
    answer = await ctx.session.create_message(
        [message], max_tokens=7, tools=[search], related_request_id=ctx.request_id
    )
    [use] = answer.content_as_list
    return f"{use.name} {use.input['query']}"


@server.tool()
async def order(ctx: Context) -> int:
    """Ask the user."""
    return (await ctx.elicit("Which size?", Size)).data.size


@server.tool()
async def report(ctx: Context) -> str:
    """Tell how far it is."""
    await ctx.report_progress(1, 2)
    await ctx.info("half way")
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
async def come_back(ctx: Context) -> str:
    """Send the client away in the middle."""
    await ctx.close_sse_stream()
    return "come back"


@server.tool()
async def change(ctx: Context) -> str:
    """Say that the tools are not what they were."""
    await ctx.session.send_tool_list_changed()
    return "changed"


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


if mode == "stdio":
    server.run("stdio")
    sys.exit()
listener = socket.create_server(("127.0.0.1", 0))
host = f"http://127.0.0.1:{listener.getsockname()[1]}"
if mode == "sse":
    app, path = server.sse_app(), "/sse"
else:
    app, path = server.streamable_http_app(), "/mcp"
print(host + path, flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
