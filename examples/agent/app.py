"""An agent: a model and its tools in a loop. Each call of the model is expensive, and made once.

Run it:

    python examples/agent/app.py

Kill it in the middle and start it again: it goes on after the last answer that was recorded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from stepwell import App, NonRetryableError, continue_as_new, fold, progress

app = App()

TURNS = 40
TURNS_PER_GENERATION = 10


@dataclass
class Message:
    role: str
    text: str


@dataclass
class Answer:
    text: str
    tool: str | None = None
    argument: str = ""


@dataclass
class Conversation:
    task: str
    messages: list[Message] = field(default_factory=list)
    turn: int = 0


@app.step(retries=5, delay="1s", backoff="exponential", timeout="2 minutes")
async def ask_model(messages: list[Message]) -> Answer:
    """A stand-in: reads the pages of a book one by one, then answers."""
    await asyncio.sleep(0.01)
    page = sum(message.role == "tool" for message in messages) + 1
    print(f"model call, {len(messages)} messages")
    if page <= 24:
        return Answer(f"I need page {page}.", tool="read_page", argument=str(page))
    return Answer("It was the gardener.")


@app.step(retries=3)
async def read_page(number: str) -> str:
    return f"text of page {number}"


@app.step(retries=3)
async def search(words: str) -> str:
    return f"results for {words}"


TOOLS: dict[str, Callable[[str], Awaitable[str]]] = {"read_page": read_page, "search": search}


async def take_turn(messages: list[Message]) -> list[Message]:
    """One answer of the model and what its tool says to that: the messages to add."""
    answer = await ask_model(messages)
    new = [Message("assistant", answer.text)]
    if answer.tool is not None:
        if answer.tool not in TOOLS:
            raise NonRetryableError(f"the model asked for an unknown tool {answer.tool!r}")
        new.append(Message("tool", await TOOLS[answer.tool](answer.argument)))
    return new


@app.workflow
async def solve(c: Conversation) -> str:
    messages = c.messages or [Message("user", c.task)]
    for turn in range(c.turn, TURNS):
        # Folded: once the turn is over, one entry stands for all calls in it, so a replay stays short.
        new = await fold(f"turn {turn}", take_turn, messages)
        messages = messages + new
        progress(min(1.0, (turn + 1) / TURNS), f"turn {turn + 1}")
        if new[-1].role == "assistant":
            return new[-1].text
        if turn + 1 - c.turn == TURNS_PER_GENERATION:
            # The same run, the same id, a fresh journal: an agent may go on for months.
            continue_as_new(Conversation(c.task, messages, turn + 1))
    raise NonRetryableError(f"no answer after {TURNS} turns")


async def main() -> None:
    async with app:
        run = await solve.options(id="whodunit").start(Conversation("Who did it?"))
        print(await run.result(timeout="1 minute"))
        print("generations:", (await run.status()).generation)


if __name__ == "__main__":
    asyncio.run(main())
