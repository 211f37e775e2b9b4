"""What clients made with Python SDKs do with a server that has something of everything, and what they see of it. Each
goes its own `way`."""

import json
import sys
from urllib.request import Request, urlopen

import anyio

WATCHED = "docs://readme"


async def until(true):
    """Waits until something is true that comes on its own."""
    with anyio.fail_after(30):
        while not true():
            await anyio.sleep(0.005)


async def tour(way, plan):
    name, url = plan["name"], plan["server"].get("url")
    seen = {"protocolVersion": way.version(), "tools": await way.tools()}
    seen["sum"] = await way.call("add", {"a": 20, "b": 22})
    seen["mirrored"] = await way.call("mirror", {"point": {"x": 1, "y": 2}})
    seen["located"] = await way.call("locate", {"region": " Österreich\n"})
    seen["failed"] = await way.call("fail", {})
    seen["asked"] = await way.call("ask", {"question": "why?"})
    seen["planned"] = await way.call("plan", {"topic": "trip"})
    seen["shopped"] = await way.call("shop", {"wish": "tea"})

    way.logs.clear()
    progress = []

    async def note(*of):
        progress.append(of)

    seen["reported"] = await way.call("report", {}, note)
    await until(lambda: len(way.logs) >= 2 and len(progress) >= 2)
    seen["progress"], seen["logs"] = progress, list(way.logs)

    seen["resources"], seen["templates"] = await way.resources(), await way.templates()
    seen["read"] = await way.read("user://3")
    seen["missing"] = await way.code_of(way.read("user://77"))
    seen["prompts"], seen["prompt"] = await way.prompts(), await way.prompt("review", {"code": "x", "findings": "2"})
    seen["completed"] = await way.complete("review", "style", "SH")

    async with way.changes(WATCHED) as heard:
        await way.call("touch", {"uri": WATCHED})
        await way.call("grow", {"name": name})
        await until(lambda: len(heard) >= 4)
        seen["heard"] = sorted(heard)
    seen["grown"] = await way.call(name, {})

    await way.call_and_cancel("linger")
    with anyio.fail_after(30):
        seen["dropped"] = await way.call("dropped", {})

    many = {}

    async def echo(number):
        many[number] = await way.call("echo", {"text": f"number {number}"})

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(echo, number)
    seen["many"] = sum(many[number]["content"][0]["text"] == f"number {number}" for number in many)

    if url is not None:
        await tour_http(way, url, seen)
    return seen


async def tour_http(way, url, seen):
    """What only HTTP has."""
    way.logs.clear()
    seen["left"] = await way.call("leave", {})
    await until(lambda: len(way.logs) >= 2)
    seen["leftLogs"] = list(way.logs)

    if way.version() < "2026":
        way.logs.clear()
        seen["stayed"] = await way.call("stay", {})
        await until(lambda: len(way.logs) >= 2)
        seen["stayedLogs"] = list(way.logs)

    session = (await way.call("session", {}))["content"][0]["text"]
    seen["hasSession"] = session != ""
    if session:
        headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": way.version()}
        await anyio.to_thread.run_sync(lambda: urlopen(Request(url, method="DELETE", headers=headers)).close())
        with anyio.fail_after(30):
            seen["forgotten"] = await way.code_of(way.call("add", {"a": 1, "b": 2}))


def model(types, messages, tools):
    """What the model says: the question in capitals, or, where it has tools, a use of one, and then that it is done."""
    last = messages[-1].content
    if not tools:
        content = types.TextContent(type="text", text=last.text.upper())
    elif isinstance(last, types.TextContent):
        use = types.ToolUseContent(type="tool_use", id="1", name=tools[0].name, input={"query": last.text})
        return types.CreateMessageResultWithTools(role="assistant", model="shouter", content=[use], stopReason="toolUse")
    else:
        content = types.TextContent(type="text", text="done")
    return types.CreateMessageResult(role="assistant", model="shouter", content=content)


def dump(model):
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


def run(main):
    """Runs the program: each plan on its own, a line of JSON for each."""

    async def all_of(plans):
        for plan in plans:
            print(json.dumps(await main(plan)), flush=True)

    anyio.run(all_of, json.loads(sys.argv[1]))
