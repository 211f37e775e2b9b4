"""The tour of a client made with version 1 of the official Python SDK."""

from contextlib import asynccontextmanager

import anyio
from mcp import ClientSession, McpError, StdioServerParameters, stdio_client, types
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl
from tour import dump, model, run, tour

WITH_TOOLS = types.SamplingCapability(tools=types.SamplingToolsCapability())


class Way:
    def __init__(self):
        self.logs, self.heard, self.session, self.initialized = [], [], None, None

    async def log(self, params):
        self.logs.append(params.data)

    async def hear(self, message):
        method = message.root.method if isinstance(message, types.ServerNotification) else ""
        if method.endswith("list_changed") or method.endswith("updated"):
            self.heard.append(method)

    async def ask_model(self, context, params):
        return model(types, params.messages, params.tools)

    async def ask_user(self, context, params):
        return types.ElicitResult(action="accept", content={"size": 7})

    def version(self):
        return self.initialized.protocolVersion

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments, progress=None):
        return dump(await self.session.call_tool(name, arguments, progress_callback=progress))

    async def code_of(self, doing):
        try:
            return {"result": await doing}
        except McpError as error:
            return {"code": error.error.code, "message": error.error.message}

    async def resources(self):
        return [str(resource.uri) for resource in (await self.session.list_resources()).resources]

    async def templates(self):
        return [it.uriTemplate for it in (await self.session.list_resource_templates()).resourceTemplates]

    async def read(self, uri):
        return (await self.session.read_resource(AnyUrl(uri))).contents[0].text

    async def prompts(self):
        return [prompt.name for prompt in (await self.session.list_prompts()).prompts]

    async def prompt(self, name, arguments):
        return (await self.session.get_prompt(name, arguments)).messages[0].content.text

    async def complete(self, prompt, name, value):
        ref = types.PromptReference(type="ref/prompt", name=prompt)
        return (await self.session.complete(ref, {"name": name, "value": value})).completion.values

    @asynccontextmanager
    async def changes(self, uri):
        await self.session.subscribe_resource(AnyUrl(uri))
        self.heard.clear()
        yield self.heard

    async def call_and_cancel(self, name):
        # The SDK does not tell the server when a call is given up: here that is done by hand.
        request = self.session._request_id
        async with anyio.create_task_group() as group:

            async def begun(*_):
                params = types.CancelledNotificationParams(requestId=request)
                note = types.CancelledNotification(method="notifications/cancelled", params=params)
                await self.session.send_notification(types.ClientNotification(note))
                group.cancel_scope.cancel()

            await self.call(name, {}, begun)


async def main(plan):
    way, server = Way(), plan["server"]
    if "url" in server:
        transport = streamable_http_client(server["url"])
    else:
        transport = stdio_client(StdioServerParameters(**server))
    async with (
        transport as (reader, writer, *_),
        ClientSession(
            reader,
            writer,
            logging_callback=way.log,
            message_handler=way.hear,
            sampling_callback=way.ask_model,
            sampling_capabilities=WITH_TOOLS,
            elicitation_callback=way.ask_user,
        ) as session,
    ):
        way.session, way.initialized = session, await session.initialize()
        await session.set_logging_level("info")
        return await tour(way, plan)


if __name__ == "__main__":
    run(main)
