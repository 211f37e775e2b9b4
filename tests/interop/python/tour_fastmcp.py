"""The tour of FastMCP's client."""

from fastmcp import Client
from fastmcp.client.messages import MessageHandler
from tour import dump, run, tour
from tour_v1 import Way as Session


class Way(Session):
    """As version 1 of the official SDK, which is beneath it, where FastMCP has no way of its own."""

    def __init__(self, url):
        super().__init__()
        way = self

        class Hear(MessageHandler):
            async def on_notification(self, message):
                await way.hear(message)

        self.client = Client(
            url,
            log_handler=self.log,
            message_handler=Hear(),
            sampling_handler=self.ask_model_shortly,
            elicitation_handler=self.ask_user_shortly,
        )

    async def ask_model_shortly(self, messages, params, context):
        return messages[-1].content.text.upper()

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
        return [it.uriTemplate for it in await self.client.list_resource_templates()]

    async def read(self, uri):
        return (await self.client.read_resource(uri))[0].text

    async def prompts(self):
        return [prompt.name for prompt in await self.client.list_prompts()]

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text


async def main(plan):
    way = Way(plan["url"])
    async with way.client:
        way.session, way.initialized = way.client.session, way.client.initialize_result
        await way.client.set_logging_level("info")
        return await tour(way, plan["name"], plan["url"])


run(main)
