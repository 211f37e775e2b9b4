"""What a client made with the official Python SDK, of either major version, has behind it: a model and a
user that answer as the plan says, and a record of what they were asked."""

import json

from mcp import types


class Host:
    def __init__(self, plan):
        sampling = plan.get("sampling")
        self.sampling = None if sampling is None else self.ask_model
        self.sampling_capabilities = None if sampling is None else types.SamplingCapability.model_validate(sampling)
        self.elicitation = self.ask_user if "elicitation" in plan else None

    async def call(self, call, tool, failure):
        """Makes a call of the plan. How did it end, and what was asked meanwhile?"""
        self.asked, self.model, self.user = [], list(call["model"]), call["user"]
        try:
            end = {"result": dump(await tool(call["tool"], call["arguments"]))}
        except failure as refused:
            end = {"error": dump(refused.error)}
        return end | {"asked": self.asked}

    async def ask_model(self, context, params):
        self.asked.append(dump(params))
        if not self.model:
            text = types.TextContent(type="text", text=params.messages[-1].content.text.upper())
            return types.CreateMessageResult(role="assistant", model="shouter", content=text)
        answer = self.model.pop(0)
        if "error" in answer:
            return types.ErrorData.model_validate(answer["error"])
        if isinstance(answer["content"], list):
            return types.CreateMessageResultWithTools.model_validate(answer)
        return types.CreateMessageResult.model_validate(answer)

    async def ask_user(self, context, params):
        self.asked.append(dump(params))
        return types.ElicitResult.model_validate(self.user[params.message])


def dump(model):
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


def show(version, listed, calls):
    tools = [tool.name for tool in listed.tools]
    print(json.dumps({"protocolVersion": version, "tools": tools, "calls": calls}), flush=True)
