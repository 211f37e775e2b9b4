"""Clients made with version 2 of the official Python SDK, one after the other. They do what the plans say
that are the program's argument, and print what they see, a line of JSON for each."""

import json
import sys

import anyio
from host import Host, show
from mcp import Client, MCPError, StdioServerParameters

# The second is pinned: the server is not even asked what it speaks.
MODES = {"legacy": "legacy", "modern": "2026-07-28", "auto": "auto"}


async def run(plan):
    host, server = Host(plan), plan["server"]
    client = Client(
        server["url"] if "url" in server else StdioServerParameters(**server),
        mode=MODES[plan["era"]],
        sampling_callback=host.sampling,
        sampling_capabilities=host.sampling_capabilities,
        elicitation_callback=host.elicitation,
    )
    async with client:
        listed = await client.list_tools()
        calls = [await host.call(call, client.call_tool, MCPError) for call in plan["calls"]]
        show(client.protocol_version, listed, calls)


async def main(plans):
    for plan in plans:
        await run(plan)


anyio.run(main, json.loads(sys.argv[1]))
