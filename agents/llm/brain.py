"""Thinks for one call by asking a language model: its words are spoken, its tools carried out."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence

from agents.conversation.brain import Brain, EndCall, Note, Phrase, Thought, UserTurn, Words
from agents.conversation.history import History
from agents.llm.chunks import ToolCall
from agents.llm.client import ChatClient, Completion
from agents.llm.messages import TELEPHONE, Message, build_messages
from agents.llm.tools import END_CALL, NOT_AVAILABLE, Capability, declarations, parse_call
from gateway.errors import GatewayError, ProviderUnavailable
from gateway.model.line import CallFacts

log = logging.getLogger(__name__)

ROUNDS_LIMIT = 5
"""Most requests of one turn: a model that keeps calling tools is stopped."""

EXCHANGES_LIMIT = 20
"""Turns whose tool calls are remembered."""

CAPABILITY_BOUND_S = 20.0
"""Longest a tool may take; fillers account for the wait."""

FAILED = "failed; tell the caller that it did not work"
CUT_SHORT = "not known whether it was done: the caller went on speaking meanwhile"
"""Results of tools of which nothing better can be told."""

STUMBLE = "I am sorry, I lost my thread. Could you say that again?"
"""Said when the stream breaks after the caller has heard its beginning, or nothing was said."""

STUMBLES_LIMIT = 2
"""So many in a row are forgiven."""

DEFAULT_GOODBYE = "Goodbye."


class LlmBrain:
    """One call's thinking. `capabilities` carry out the tools other than `end_call`, by name."""

    def __init__(
        self,
        client: ChatClient,
        facts: CallFacts,
        instructions: str,
        tools: Sequence[str],
        capabilities: Mapping[str, Capability] | None = None,
        goodbye: str = DEFAULT_GOODBYE,
        manner: str = TELEPHONE,
    ) -> None:
        self._client = client
        self._facts = facts
        self._instructions = instructions
        self._tools = tuple(tools)
        self._capabilities = dict(capabilities or {})
        self._goodbye = goodbye
        self._manner = manner
        self._exchanges: dict[int, list[Message]] = {}
        self._stumbles = 0

    async def reply(self, turn: UserTurn, history: History) -> AsyncGenerator[Thought, None]:
        """Ask until the model answers without a tool. Raises when neither URL can answer."""
        exchange: list[Message] = []
        self._remember(turn.serial, exchange)
        try:
            async for thought in self._rounds(turn, history, exchange):
                yield thought
        finally:
            exchange += _results_missing(exchange)
            for message in exchange:
                if "tool_calls" in message:
                    # What was heard of these words stands in the history itself.
                    message["content"] = None

    async def _rounds(
        self, turn: UserTurn, history: History, exchange: list[Message]
    ) -> AsyncGenerator[Thought, None]:
        has_spoken = False
        for _ in range(ROUNDS_LIMIT):
            completion = Completion()
            messages = self._messages(turn, history)
            stream = self._client.stream(messages, declarations(self._tools), completion)
            try:
                async for text in stream:
                    has_spoken = has_spoken or bool(text.strip())
                    yield Words(text)
            except ProviderUnavailable as error:
                if not has_spoken or self._stumbles >= STUMBLES_LIMIT:
                    raise
                self._stumbles += 1
                yield Note("model_stumbled", {"reason": str(error)[:200]})
                yield Phrase(STUMBLE)
                return
            finally:
                await stream.aclose()
            yield _note_of(completion)
            if not completion.tool_calls:
                break
            exchange.append(_assistant_message(completion))
            is_ending = False
            for call in completion.tool_calls:
                result, note = await self._carry_out(call)
                is_ending = is_ending or (call.name == END_CALL and END_CALL in self._tools)
                exchange.append({"role": "tool", "tool_call_id": call.call_id, "content": result})
                yield note
            if is_ending:
                if not has_spoken:
                    yield Phrase(self._goodbye)
                yield EndCall()
                self._stumbles = 0
                return
        if not has_spoken:
            if self._stumbles >= STUMBLES_LIMIT:
                raise ProviderUnavailable("the language model says nothing")
            self._stumbles += 1
            yield Phrase(STUMBLE)
            return
        self._stumbles = 0

    def _messages(self, turn: UserTurn, history: History) -> list[Message]:
        messages = build_messages(
            self._instructions, self._facts, history, self._exchanges, self._manner
        )
        if self._exchanges.get(turn.serial):
            # What was said between two requests of this turn stands after its tool calls in the
            # history, but models expect to continue from a tool's result.
            while messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]:
                messages.pop()
        return messages

    def _remember(self, serial: int, exchange: list[Message]) -> None:
        self._exchanges[serial] = exchange
        while len(self._exchanges) > EXCHANGES_LIMIT:
            del self._exchanges[min(self._exchanges)]

    async def _carry_out(self, call: ToolCall) -> tuple[str, Note]:
        """Run one tool; whatever goes wrong is told to the model."""
        parsed = parse_call(call, self._tools)
        outcome = "done"
        if parsed.problem:
            result, outcome = parsed.problem, "invalid"
        elif parsed.name == END_CALL:
            result = "the call ends now"
        elif (capability := self._capabilities.get(parsed.name)) is None:
            result, outcome = NOT_AVAILABLE, "not_available"
        else:
            try:
                async with asyncio.timeout(CAPABILITY_BOUND_S):
                    result = await capability(self._facts.call_id, parsed.arguments)
            except (GatewayError, TimeoutError) as error:
                log.warning("tool failed", extra={"tool": parsed.name, "reason": repr(error)})
                result, outcome = FAILED, "failed"
            except Exception:
                # A fault of ours in one tool is not worth the call.
                log.exception("tool failed", extra={"tool": parsed.name})
                result, outcome = FAILED, "failed"
        return result, Note("tool_call", {"tool": parsed.name, "outcome": outcome})


def _assistant_message(completion: Completion) -> Message:
    calls = [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in completion.tool_calls
    ]
    return {"role": "assistant", "content": completion.text or None, "tool_calls": calls}


def _results_missing(exchange: Sequence[Message]) -> list[Message]:
    """Return results for calls of the last request that have none: without them the API refuses the next."""
    asked = [index for index, message in enumerate(exchange) if "tool_calls" in message]
    if not asked:
        return []
    calls = exchange[asked[-1]]["tool_calls"]
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": CUT_SHORT}
        for call in calls[len(exchange) - asked[-1] - 1 :]
    ]


def _note_of(completion: Completion) -> Note:
    return Note(
        "model_answered",
        {
            "model": completion.model,
            "target": completion.target,
            "first_token_ms": round(completion.first_token_ms, 1),
            "total_ms": round(completion.total_ms, 1),
            "prompt_tokens": completion.usage.prompt_tokens,
            "completion_tokens": completion.usage.completion_tokens,
            "finish_reason": completion.finish_reason,
        },
    )


_: type[Brain] = LlmBrain
