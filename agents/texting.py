"""Agents in writing: the brain that thinks for calls answers messages, whole or piece by piece."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import aclosing

from agents.conversation.brain import Brain, EndCall, Note, Phrase, UserTurn, Words
from agents.conversation.history import History
from agents.llm.agent import LlmConversationalist
from agents.receptionist.agent import Receptionist
from agents.receptionist.choices import choices_of
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
        choices_of: Callable[[str], tuple[str, ...]] = lambda _phrase: (),
        call_offer: str = "",
        rooms_remembered: int = ROOMS_REMEMBERED,
    ) -> None:
        """`keeps_brains` for those that remember where a dialogue is; others know it from the history, and offer
        calls themselves. `call_offer`, with `{link}` in it, answers who wants a call.
        """
        self._call_offer = call_offer
        self._choices_of = choices_of
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
        return await self.answer_streaming(turn, lambda _text: None)

    async def answer_streaming(self, turn: TextTurn, on_text: Callable[[str], None]) -> TextReply:
        """Tell the answer as it is thought; the pieces joined are the reply's text. Raises `ProviderError`."""
        earlier, text = turn.history[:-1], turn.text
        if not text.strip() and turn.history:
            # Of a message without words the history tells which files it had.
            text = turn.history[-1].text
        if self._keeps_brains and turn.call_link and self._call_offer and wants_call(text):
            offer = self._call_offer.replace("{link}", turn.call_link)
            on_text(offer)
            return TextReply(text=offer, notes=(TextNote(name=CALL_OFFERED),))
        history = History(earlier, limit=len(earlier) + 2)
        serial = history.user_said(text)
        brain = self._brain(turn)
        written, told = "", 0
        choices: tuple[str, ...] = ()
        notes: list[TextNote] = []
        async with aclosing(brain.reply(UserTurn(text=text, serial=serial), history)) as thoughts:
            async for thought in thoughts:
                match thought:
                    case Words(text=words):
                        written += words
                        choices = ()
                    case Phrase(text=phrase):
                        written = f"{written.rstrip()} {phrase}".lstrip()
                        choices = self._choices_of(phrase)
                    case Note(kind=kind, facts=facts):
                        notes.append(TextNote(name=kind, facts=facts))
                    case EndCall():
                        self._brains.pop(turn.room_id, None)
                # White space at the end may yet be cut off, and half a mark become a link.
                whole = _linked(_settled(written), turn.call_link)
                if len(whole) > told:
                    on_text(whole[told:])
                    told = len(whole)
        if CALL_LINK in written:
            notes.append(TextNote(name=CALL_OFFERED))
        whole = _linked(written, turn.call_link)
        if len(whole) > told:
            on_text(whole[told:])
        return TextReply(text=whole, notes=tuple(notes), choices=choices)

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


def _linked(written: str, link: str) -> str:
    """Put the link where the model left its mark; one that remembers links of before, and has none, gets none."""
    return written.replace(CALL_LINK, link).strip()


def _settled(written: str) -> str:
    """Return what more words cannot change any more: a mark that has only begun is left out."""
    start = written.rfind(CALL_LINK[0])
    return written[:start] if start >= 0 and CALL_LINK.startswith(written[start:]) else written


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
            choices_of=choices_of if isinstance(agent, Receptionist) else lambda _phrase: (),
        )
    return found
