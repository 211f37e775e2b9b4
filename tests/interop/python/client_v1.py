"""Clients made with version 1 of the official Python SDK, one after the other. They do what the plans say
that are the program's argument, and print what they see, a line of JSON for each."""

import json
import sys

import anyio
from host import Host, show
from mcp import ClientSession, McpError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


async def run(plan):
    host, server = Host(plan), plan["server"]
    if "url" in server:
        transport = streamable_http_client(server["url"])
    else:
        transport = stdio_client(StdioServerParameters(**server))
    async with (
        transport as (reader, writer, *_),
        ClientSession(
            reader,
            writer,
            sampling_callback=host.sampling,
            sampling_capabilities=host.sampling_capabilities,
            elicitation_callback=host.elicitation,
        ) as session,
    ):
        initialized = await session.initialize()
        listed = await session.list_tools()
        calls = [await host.call(call, session.call_tool, McpError) for call in plan["calls"]]
        show(initialized.protocolVersion, listed, calls)


async def main(plans):
    for plan in plans:
        await run(plan)


anyio.run(main, json.loads(sys.argv[1]))
