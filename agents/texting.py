"""Agents in writing: the brain that thinks for calls answers messages, one whole answer for each."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import aclosing

from agents.conversation.brain import Brain, EndCall, Note, Phrase, UserTurn, Words
from agents.conversation.history import History
from agents.llm.agent import LlmConversationalist
from agents.receptionist.agent import Receptionist
from agents.receptionist.intents import Intent, find_intent
from gateway.config import Config
from gateway.model.line import CALL_LINK, Agent, CallFacts
from gateway.model.text_agent import TextAgent, TextNote, TextReply, TextTurn

ROOMS_REMEMBERED = 1_000
"""Conversations whose dialogue goes on; the longest unused is forgotten and begins anew."""

CALL_OFFERED = "call_offered"
"""Note in the timeline: the person was sent a link to a browser call."""

BrainFor = Callable[[CallFacts], Brain]


class Texting:
    """One configured agent in writing."""

    def __init__(
        self,
        name: str,
        brain_for: BrainFor,
        *,
        greeting: str,
        apology: str,
        keeps_brains: bool,
        call_offer: str = "",
        rooms_remembered: int = ROOMS_REMEMBERED,
    ) -> None:
        """`keeps_brains` for those that remember where a dialogue is; others know it from the history, and offer
        calls themselves. `call_offer`, with `{link}` in it, answers who wants a call.
        """
        self._call_offer = call_offer
        self._name = name
        self._brain_for = brain_for
        self._greeting = greeting
        self._apology = apology
        self._keeps_brains = keeps_brains
        self._rooms_remembered = rooms_remembered
        self._brains: OrderedDict[str, Brain] = OrderedDict()

    @property
    def name(self) -> str:
        return self._name

    @property
    def greeting(self) -> str:
        return self._greeting

    @property
    def apology(self) -> str:
        return self._apology

    async def answer(self, turn: TextTurn) -> TextReply:
        """Think of the answer. Raises `ProviderError` when it cannot."""
        earlier, text = turn.history[:-1], turn.text
        if not text.strip() and turn.history:
            # Of a message without words the history tells which files it had.
            text = turn.history[-1].text
        if self._keeps_brains and turn.call_link and self._call_offer and wants_call(text):
            offer = self._call_offer.replace("{link}", turn.call_link)
            return TextReply(text=offer, notes=(TextNote(name=CALL_OFFERED),))
        history = History(earlier, limit=len(earlier) + 2)
        serial = history.user_said(text)
        brain = self._brain(turn)
        written, notes = "", []
        async with aclosing(brain.reply(UserTurn(text=text, serial=serial), history)) as thoughts:
            async for thought in thoughts:
                match thought:
                    case Words(text=words):
                        written += words
                    case Phrase(text=phrase):
                        written = f"{written.rstrip()} {phrase}".lstrip()
                    case Note(kind=kind, facts=facts):
                        notes.append(TextNote(name=kind, facts=facts))
                    case EndCall():
                        self._brains.pop(turn.room_id, None)
        if CALL_LINK in written:
            notes.append(TextNote(name=CALL_OFFERED))
            # Without a link the model was not told of it, but may remember it from the history.
            written = written.replace(CALL_LINK, turn.call_link)
        return TextReply(text=written.strip(), notes=tuple(notes))

    def _brain(self, turn: TextTurn) -> Brain:
        brain = self._brains.get(turn.room_id)
        if brain is None:
            brain = self._brain_for(
                CallFacts(
                    call_id="",
                    room_id=turn.room_id,
                    caller=turn.person,
                    callee="",
                    caller_name=turn.person_name,
                    history=turn.history,
                    may_offer_call=bool(turn.call_link),
                )
            )
        if self._keeps_brains:
            self._brains[turn.room_id] = brain
            self._brains.move_to_end(turn.room_id)
            if len(self._brains) > self._rooms_remembered:
                self._brains.popitem(last=False)
        return brain


def wants_call(text: str) -> bool:
    """Whether somebody asks in writing to be called, or to talk to a person."""
    return find_intent(text) in (Intent.CALL_BACK, Intent.HUMAN)


def build_text_agents(
    config: Config,
    agents: Mapping[str, Agent],
    *,
    greeting: str = "",
    greetings: Mapping[str, str] | None = None,
) -> dict[str, TextAgent]:
    """Return, by name, every agent that can write.

    An agent greets with its own of `greetings`, else with `greeting`, else as it does on the telephone.
    """
    found: dict[str, TextAgent] = {}
    for name, agent in agents.items():
        if not isinstance(agent, Receptionist | LlmConversationalist):
            continue
        section = config.agents[name]
        found[name] = Texting(
            name,
            agent.text_brain,
            greeting=(greetings or {}).get(name, greeting or section.greeting),
            apology=section.apology,
            call_offer=config.rooms.call_offer,
            keeps_brains=isinstance(agent, Receptionist),
        )
    return found
