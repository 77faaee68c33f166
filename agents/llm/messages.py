"""The messages of a chat-completions request, out of the conversation as it was heard."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.conversation.history import History
from gateway.model.line import CALL_LINK, CallFacts, Role

Message = dict[str, Any]

_NUMBER = re.compile(r"\+?[0-9]{2,20}")

TELEPHONE = (
    "You are speaking on the telephone: answer in one to three short spoken sentences, without lists, "
    "headings, symbols or links. The caller's words come from speech recognition and may contain "
    "mistakes; ask when something matters and is unclear. Lines that end in '[interrupted]' were cut "
    "off by the caller there."
)
"""Follows the operator's instructions in every request of a call."""

WRITING = (
    "You are writing text messages: answer in one to four short sentences of plain text, without headings "
    "or formatting. Earlier lines of the conversation may have been spoken on the telephone."
)
"""Follows them in every request of a conversation in writing."""


def build_messages(
    instructions: str,
    facts: CallFacts,
    history: History,
    exchanges: Mapping[int, Sequence[Message]],
    manner: str = TELEPHONE,
) -> list[Message]:
    """Return system prompt and conversation; consecutive lines of one side are one message.

    `exchanges` are tool calls and their results, by the serial number of the user line they followed.
    """
    system = f"{instructions}\n\n{manner}"
    if _NUMBER.fullmatch(facts.caller):
        # Only a number: an address can hold sentences, and here stands what the model obeys.
        system += f"\nThe caller's number: {facts.caller}."
    if facts.may_offer_call:
        system += (
            "\nWhen the person wants to talk to somebody or to be called, offer a call from their "
            f"browser and write {CALL_LINK} where the link to it belongs."
        )
    if facts.purpose:
        system += f"\nYou have called this person. The purpose of the call: {facts.purpose}"
    messages: list[Message] = [{"role": "system", "content": system}]
    for serial, said in history.numbered():
        role = "user" if said.role is Role.USER else "assistant"
        text = f"{said.text} [interrupted]" if said.interrupted else said.text
        last = messages[-1]
        if last["role"] == role and "tool_calls" not in last:
            last["content"] = f"{last['content']} {text}"
        else:
            messages.append({"role": role, "content": text})
        messages += exchanges.get(serial, ())
    return messages
