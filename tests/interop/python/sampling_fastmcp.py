"""A server made with FastMCP 3, whose tools ask the client's model and its user."""

from fastmcp import Context, FastMCP
from pydantic import BaseModel, PositiveInt

server = FastMCP("shop")


class Product(BaseModel):
    name: str
    price: PositiveInt


def search(query: str) -> list[str]:
    """Search the catalog."""
    return [f"{query} 1", f"{query} 2"]


def broken() -> str:
    """Break."""
    raise RuntimeError("the shelf fell")


@server.tool
async def ask(question: str, ctx: Context) -> str:
    """Ask the model."""
    answer = await ctx.sample(question, system_prompt="Be brief.", max_tokens=7, temperature=0.5)
    return answer.text


@server.tool
async def shop(wish: str, ctx: Context) -> str:
    """Let the model shop."""
    answer = await ctx.sample(wish, tools=[search, broken], tool_concurrency=0)
    return f"{answer.text} ({len(answer.history)} messages)"


@server.tool
async def invent(ctx: Context) -> Product:
    """Let the model invent a product."""
    answer = await ctx.sample("Invent a product.", result_type=Product)
    return answer.result


@server.tool
async def numbers(ctx: Context) -> list[int]:
    """Let the model choose numbers, after a look into the catalog."""
    answer = await ctx.sample("Choose numbers.", tools=[search], result_type=list[int])
    return answer.result


@server.tool
async def order(ctx: Context) -> str:
    """Let the user order."""
    answer = await ctx.elicit("What shall it be?", response_type=Product)
    return f"{answer.action}: {answer.data.name}" if answer.action == "accept" else answer.action


server.run(show_banner=False)
