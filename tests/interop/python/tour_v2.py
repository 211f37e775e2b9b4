"""The tour of a client made with version 2 of the official Python SDK."""

from contextlib import asynccontextmanager

import anyio
from mcp import Client, MCPError, StdioServerParameters, types
from mcp.client.subscriptions import listen
from tour import dump, model, run, tour

MODES = {"legacy": "legacy", "modern": "2026-07-28", "auto": "auto"}

WITH_TOOLS = types.SamplingCapability(tools=types.SamplingToolsCapability())


class Way:
    def __init__(self, plan):
        self.logs, self.heard = [], []
        self.client = self.connect(plan["server"], MODES[plan["era"]])

    def connect(self, server, mode):
        return Client(
            server["url"] if "url" in server else StdioServerParameters(**server),
            mode=mode,
            log_level="info",
            logging_callback=self.log,
            message_handler=self.hear,
            sampling_callback=self.ask_model,
            sampling_capabilities=WITH_TOOLS,
            elicitation_callback=self.ask_user,
        )

    async def log(self, params):
        self.logs.append(params.data)

    async def hear(self, message):
        method = getattr(message, "method", "")
        if method.endswith("list_changed") or method.endswith("updated"):
            self.heard.append(method)

    async def ask_model(self, context, params):
        return model(types, params.messages, params.tools)

    async def ask_user(self, context, params):
        return types.ElicitResult(action="accept", content={"size": 7})

    def version(self):
        return self.client.protocol_version

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, progress=None):
        return dump(await self.client.call_tool(name, arguments, progress_callback=progress))

    async def code_of(self, doing):
        try:
            return {"result": await doing}
        except MCPError as error:
            return {"code": error.error.code, "message": error.error.message}

    async def resources(self):
        return [str(resource.uri) for resource in (await self.client.list_resources()).resources]

    async def templates(self):
        return [it.uri_template for it in (await self.client.list_resource_templates()).resource_templates]

    async def read(self, uri):
        return (await self.client.read_resource(uri)).contents[0].text

    async def prompts(self):
        return [prompt.name for prompt in (await self.client.list_prompts()).prompts]

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text

    async def complete(self, prompt, name, value):
        ref = types.PromptReference(type="ref/prompt", name=prompt)
        return (await self.client.complete(ref, {"name": name, "value": value})).completion.values

    @asynccontextmanager
    async def changes(self, uri):
        if self.version() < "2026":
            await self.client.session.subscribe_resource(uri)
            self.heard.clear()
            yield self.heard
            return
        heard = []
        async with (
            listen(
                self.client.session,
                tools_list_changed=True,
                prompts_list_changed=True,
                resources_list_changed=True,
                resource_subscriptions=[uri],
            ) as subscription,
            anyio.create_task_group() as group,
        ):

            async def follow():
                async for event in subscription:
                    heard.append(NAMES[type(event).__name__])

            group.start_soon(follow)
            yield heard
            group.cancel_scope.cancel()

    async def call_and_cancel(self, name):
        with anyio.CancelScope() as scope:

            async def begun(*_):
                scope.cancel()

            await self.call(name, {}, begun)


NAMES = {
    "ToolsListChanged": "notifications/tools/list_changed",
    "PromptsListChanged": "notifications/prompts/list_changed",
    "ResourcesListChanged": "notifications/resources/list_changed",
    "ResourceUpdated": "notifications/resources/updated",
}


async def go(way, plan):
    async with way.client:
        if plan["era"] == "legacy":
            await way.client.set_logging_level("info")
        return await tour(way, plan)


if __name__ == "__main__":
    run(lambda plan: go(Way(plan), plan))
