"""The tour of FastMCP's client, of version 3 or 4."""

import fastmcp
from fastmcp.client.messages import MessageHandler
from fastmcp.client.transports import StdioTransport
from tour import dump, model, run, tour

IS_4 = fastmcp.__version__.startswith("4.")

# What FastMCP has no way of its own for goes the way of the official SDK beneath it.
if IS_4:
    from tour_v2 import WITH_TOOLS, go, types
    from tour_v2 import Way as Session
else:
    from tour_v1 import WITH_TOOLS, types
    from tour_v1 import Way as Session


class Way(Session):
    def connect(self, server, **settings):
        way = self

        class Hear(MessageHandler):
            async def on_notification(self, message):
                await way.hear(message)

        if "url" not in server:
            server = {"url": StdioTransport(server["command"], [], env=server["env"], keep_alive=False)}
        return fastmcp.Client(
            server["url"],
            log_handler=self.log,
            message_handler=Hear(),
            sampling_handler=self.ask_model_shortly,
            sampling_capabilities=WITH_TOOLS,
            elicitation_handler=self.ask_user_shortly,
            **settings,
        )

    async def log(self, params):
        # In the modern era version 4 wants to be told everything, and leaves it to its user what to drop.
        if params.level != "debug":
            await super().log(params)

    async def ask_model_shortly(self, messages, params, context):
        return model(types, messages, params.tools)

    async def ask_user_shortly(self, message, response_type, params, context):
        return response_type(size=7)

    async def tools(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name, arguments, progress=None):
        # What its own method returns is made of this.
        result = await self.client.call_tool(name, arguments, progress_handler=progress, raise_on_error=False)
        content = [dump(block) for block in result.content]
        return {"content": content, "structuredContent": result.structured_content, "isError": result.is_error}

    async def resources(self):
        return [str(resource.uri) for resource in await self.client.list_resources()]

    async def templates(self):
        templates = await self.client.list_resource_templates()
        return [it.uri_template if IS_4 else it.uriTemplate for it in templates]

    async def read(self, uri):
        return (await self.client.read_resource(uri))[0].text

    async def prompts(self):
        return [prompt.name for prompt in await self.client.list_prompts()]

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text


class Way3(Way):
    def __init__(self, plan):
        super().__init__()
        self.client = self.connect(plan["server"])


class Way4(Way):
    def connect(self, server, mode):
        return super().connect(server, mode=mode)

    async def complete(self, prompt, name, value):
        ref = {"type": "ref/prompt", "name": prompt}
        return (await self.client.session.complete(ref, {"name": name, "value": value})).completion.values


async def main(plan):
    if IS_4:
        return await go(Way4(plan), plan)
    way = Way3(plan)
    async with way.client:
        way.session, way.initialized = way.client.session, way.client.initialize_result
        await way.client.set_logging_level("info")
        return await tour(way, plan)


run(main)
