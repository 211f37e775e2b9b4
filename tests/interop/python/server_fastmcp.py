"""A server made with FastMCP 3 or 4, over standard streams, or with the argument `http` over HTTP. Then it prints its
URL."""

import asyncio
import socket
import sys

import uvicorn
from fastmcp import Context, FastMCP
from pydantic import BaseModel

IS_4 = hasattr(Context, "input_responses")

if IS_4:
    from mcp_types import (
        CreateMessageRequest,
        CreateMessageRequestParams,
        ElicitRequest,
        ElicitRequestFormParams,
        InputRequiredResult,
        SamplingMessage,
        TextContent,
        Tool,
        ToolListChangedNotification,
    )
else:
    from mcp.types import ToolListChangedNotification

server = FastMCP("fastmcp", instructions="Ask.")
given_up = asyncio.Event()


class Size(BaseModel):
    size: int


@server.tool
def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@server.tool
async def report(ctx: Context) -> str:
    """Tell how far it is."""
    await ctx.report_progress(1, 2)
    await ctx.report_progress(2, 2)
    return "reported"


@server.tool
async def linger(ctx: Context) -> str:
    """Say that it has begun, and never end."""
    try:
        await ctx.report_progress(1)
        await asyncio.Event().wait()
    finally:
        given_up.set()


@server.tool
async def dropped() -> bool:
    """Wait until a call was given up."""
    await given_up.wait()
    given_up.clear()
    return True


@server.tool
async def change(ctx: Context) -> str:
    """Say that the tools are not what they were."""
    await ctx.send_notification(ToolListChangedNotification(method="notifications/tools/list_changed"))
    return "changed"


@server.tool
def broken() -> str:
    """Break."""
    raise RuntimeError("the shelf fell")


@server.resource("note://tea")
def note() -> str:
    """A note."""
    return "about tea"


@server.prompt
def greet(name: str) -> str:
    """Greet."""
    return f"Greet {name}"


if IS_4:

    @server.tool
    async def order(ctx: Context) -> int | InputRequiredResult:
        """Ask the user, as each era has it."""
        if ctx.request_context.protocol_version < "2026":
            return (await ctx.elicit("Which size?", response_type=Size)).data.size
        if ctx.input_responses:
            return ctx.input_responses["size"].content["size"]
        params = ElicitRequestFormParams(message="Which size?", requested_schema=Size.model_json_schema())
        return InputRequiredResult(input_requests={"size": ElicitRequest(params=params)})

    @server.tool
    async def ask(question: str, ctx: Context) -> str | InputRequiredResult:
        """Ask the model. FastMCP 4 has nothing for that, the SDK beneath it has."""
        messages = [SamplingMessage(role="user", content=TextContent(type="text", text=question))]
        if ctx.request_context.protocol_version < "2026":
            answer = await ctx.session.create_message(messages, max_tokens=7, related_request_id=ctx.request_id)
            return answer.content.text
        if ctx.input_responses:
            return ctx.input_responses["answer"].content.text
        params = CreateMessageRequestParams(messages=messages, max_tokens=7)
        return InputRequiredResult(input_requests={"answer": CreateMessageRequest(params=params)})

    @server.tool
    async def shop(ctx: Context) -> str | InputRequiredResult:
        """Ask the model, which has a tool, what to do."""
        messages = [SamplingMessage(role="user", content=TextContent(type="text", text="tea"))]
        schema = {"type": "object", "properties": {"query": {"type": "string"}}}
        tools = [Tool(name="search", input_schema=schema)]
        if ctx.request_context.protocol_version < "2026":
            answer = await ctx.session.create_message(
                messages, max_tokens=7, tools=tools, related_request_id=ctx.request_id
            )
        elif ctx.input_responses:
            answer = ctx.input_responses["answer"]
        else:
            params = CreateMessageRequestParams(messages=messages, max_tokens=7, tools=tools)
            return InputRequiredResult(input_requests={"answer": CreateMessageRequest(params=params)})
        [use] = answer.content if isinstance(answer.content, list) else [answer.content]
        return f"{use.name} {use.input['query']}"

else:

    @server.tool
    async def order(ctx: Context) -> int:
        """Ask the user."""
        return (await ctx.elicit("Which size?", response_type=Size)).data.size

    @server.tool
    async def ask(question: str, ctx: Context) -> str:
        """Ask the model."""
        return (await ctx.sample(question, max_tokens=7)).text

    @server.tool
    async def shop(ctx: Context) -> str:
        """Ask the model, which has a tool, what to do."""

        def search(query: str) -> None:
            """Search."""

        [use] = (await ctx.sample_step("tea", max_tokens=7, tools=[search], execute_tools=False)).tool_calls
        return f"{use.name} {use.input['query']}"


if sys.argv[1:] == ["http"]:
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    uvicorn.Server(uvicorn.Config(server.http_app(), log_level="error")).run(sockets=[listener])
else:
    server.run(show_banner=False)
