"""The tour of a client made with version 2 of the official Python SDK."""

from contextlib import asynccontextmanager

import anyio
from mcp import Client, MCPError, types
from tour import dump, run, tour

MODES = {"legacy": "legacy", "modern": "2026-07-28", "auto": "auto"}


class Way:
    def __init__(self, plan):
        self.logs, self.heard, self.era = [], [], plan["era"]
        self.client = Client(
            plan["url"],
            mode=MODES[plan["era"]],
            log_level="info",
            logging_callback=self.log,
            message_handler=self.hear,
            sampling_callback=self.ask_model,
            elicitation_callback=self.ask_user,
        )

    async def log(self, params):
        self.logs.append(params.data)

    async def hear(self, message):
        method = getattr(message, "method", "")
        if method.endswith("list_changed") or method.endswith("updated"):
            self.heard.append(method)

    async def ask_model(self, context, params):
        text = types.TextContent(type="text", text=params.messages[-1].content.text.upper())
        return types.CreateMessageResult(role="assistant", model="shouter", content=text)

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
            await self.client.subscribe_resource(uri)
            self.heard.clear()
            yield self.heard
            return
        heard = []
        async with (
            self.client.listen(
                tools_list_changed=True,
                prompts_list_changed=True,
                resources_list_changed=True,
                resource_subscriptions=[uri],
            ) as subscription,
            anyio.create_task_group() as group,
        ):

            async def listen():
                async for event in subscription:
                    heard.append(NAMES[type(event).__name__])

            group.start_soon(listen)
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


async def main(plan):
    way = Way(plan)
    async with way.client:
        if plan["era"] == "legacy":
            await way.client.set_logging_level("info")
        return await tour(way, plan["name"], plan["url"])


run(main)
