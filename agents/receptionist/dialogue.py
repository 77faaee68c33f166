"""The receptionist's dialogue: what is said next, given what was heard; pure, one object per call."""

from collections.abc import Callable

from agents.conversation.brain import EndCall, ExpectDigits, Note, Phrase, Thought, Words
from agents.receptionist import phrases
from agents.receptionist.digits import own_number, parse_digits, say_digits
from agents.receptionist.heard import (
    Answer,
    Heard,
    Message,
    Step,
    TextAnswer,
    Texting,
    slot_named,
)
from agents.receptionist.intents import Intent, find_intent, yes_or_no
from agents.receptionist.names import extract_name
from agents.receptionist.states import MOVES, State
from agents.turns.backchannels import words_of
from gateway.errors import InvalidTransition

SHORTEST_NUMBER = 7
"""Digits from which a telephone number is taken to be complete."""

LONGEST_MESSAGE = 1_000
"""Characters of a message that are kept."""

_BACK_WORDS = frozenset({"that", "it", "this", "those"})

SURE_EXTRA = 0.12
"""A question in the middle of taking a message must match the FAQ by so much more."""


class Dialogue:
    """One caller's dialogue. `hear` returns what to say and do, in order."""

    def __init__(
        self,
        *,
        caller: str,
        goodbye: str,
        greeting: str = "",
        business: str = "us",
        texting: Texting = Texting.NEVER,
    ) -> None:
        self._own_number = own_number(caller)
        self._goodbye = goodbye
        self._business = business
        self._texting = texting
        self._answered = ""
        """The last answer from the FAQ."""
        self._state = State.LISTENING
        self._message = Message()
        self._misses = 0
        self._digits = ""
        self._is_correcting = False
        self._last = greeting or phrases.HELP
        self._steps: dict[State, Callable[[Heard], list[Thought]]] = {
            State.LISTENING: self._listening,
            State.OFFERED: self._offered,
            State.NAME: self._name,
            State.OWN_NUMBER: self._own,
            State.NUMBER: self._number,
            State.TEXT: self._text,
            State.CONFIRM: self._confirm,
            State.CORRECT: self._correct,
            State.MORE: self._more,
            State.ENDED: self._listening,
        }

    @property
    def state(self) -> State:
        return self._state

    @property
    def message(self) -> Message:
        return self._message

    def hear(
        self,
        text: str,
        *,
        answer: Answer | None = None,
        is_keys: bool = False,
        after_reprompt: bool = False,
    ) -> list[Step]:
        """Take one turn of the caller; `answer` is the best FAQ entry, if any comes near."""
        heard = Heard(
            text=text.strip(),
            digits=text if is_keys else parse_digits(text),
            intent=None if is_keys else find_intent(text),
            agrees=None if is_keys else yes_or_no(text),
            answer=answer,
            words=[] if is_keys else words_of(text),
        )
        if heard.intent is Intent.TEXT_ME and self._state is not State.TEXT:
            return self._text_me(heard)
        thoughts = self._here(heard) if after_reprompt and len(heard.words) <= 4 else None
        if thoughts is None:
            thoughts = self._everywhere(heard)
        if thoughts is None:
            thoughts = self._steps[self._state](heard)
        thoughts = [self._named(thought) for thought in thoughts]
        spoken = [thought.text for thought in thoughts if isinstance(thought, Phrase | Words)]
        if spoken:
            self._last = " ".join(spoken)
        return [*thoughts]

    def _named(self, thought: Thought) -> Thought:
        if isinstance(thought, Phrase):
            return Phrase(phrases.named(thought.text, self._business))
        return thought

    # In every state -----------------------------------------------------------------------------

    def _here(self, heard: Heard) -> list[Thought] | None:
        """ "Are you still there?" – "Yes." is not the answer to the question before."""
        if heard.agrees is True or heard.intent in (Intent.HELLO, Intent.CAN_YOU_HEAR):
            return [Phrase(phrases.QUESTIONS[self._state])]
        return None

    def _everywhere(self, heard: Heard) -> list[Thought] | None:
        if self._state is State.TEXT and len(heard.words) > 4:
            # A message may say anything, even "please call me back" and "goodbye".
            return None
        match heard.intent:
            case Intent.REPEAT:
                return [Phrase(self._last)]
            case Intent.WAIT:
                return [Phrase(phrases.TAKE_TIME)]
            case Intent.CAN_YOU_HEAR:
                return [Phrase(phrases.HEAR_YOU), Phrase(phrases.QUESTIONS[self._state])]
            case Intent.CANCEL if self._is_taking:
                self._message = Message()
                return [Phrase(phrases.DROPPED), *self._enter(State.MORE)]
            case Intent.GOODBYE if not self._is_digits_done(heard):
                return self._end()
            case _:
                pass
        if self._is_taking and self._state is not State.TEXT and not heard.digits:
            answer = heard.answer
            if answer is not None and answer.score >= SURE_EXTRA and heard.agrees is None:
                self._answered = phrases.named(answer.text, self._business)
                return [Phrase(answer.text), Phrase(phrases.QUESTIONS[self._state])]
        return None

    def _text_me(self, heard: Heard) -> list[Step]:
        """ "Can you text me that?" means the last answer, "send me the address" the one to that."""
        text = self._answered
        if heard.answer is not None and heard.answer.score >= 0:
            refers_back = text and not _BACK_WORDS.isdisjoint(heard.words)
            text = text if refers_back else phrases.named(heard.answer.text, self._business)
        if not text:
            return [Phrase(phrases.TEXT_WHAT)]
        self._answered = text
        after: list[Thought] = [Phrase(phrases.QUESTIONS[self._state])]
        if not self._is_taking:
            self._misses = 0
            self._move(State.MORE)
            after = [Phrase(phrases.MORE)]
        match self._texting:
            case Texting.IN_WRITING:
                return [Phrase(text), *after]
            case Texting.NEVER:
                return [Phrase(phrases.TEXT_NOT_SENT), *after]
            case Texting.ASKED:
                return [
                    TextAnswer(
                        text,
                        sent=(Phrase(phrases.TEXT_SENT), *after),
                        failed=(Phrase(phrases.TEXT_NOT_SENT), *after),
                    )
                ]

    @property
    def _is_taking(self) -> bool:
        return self._state not in (State.LISTENING, State.OFFERED, State.MORE, State.ENDED)

    def _is_digits_done(self, heard: Heard) -> bool:
        """ "That's all" ends a number or agrees to a message, not the call."""
        ends = " ".join(heard.words)
        says_all = any(
            end in ends for end in ("that's all", "that's it", "that is all", "that is it")
        )
        return says_all and self._state in (State.NUMBER, State.CONFIRM)

    def _end(self) -> list[Thought]:
        self._move(State.ENDED)
        return [Phrase(self._goodbye), EndCall()]

    # Questions and wishes -----------------------------------------------------------------------

    def _listening(self, heard: Heard) -> list[Thought]:
        match heard.intent:
            case Intent.MESSAGE:
                return [Phrase(phrases.TAKE), *self._begin_message(heard)]
            case Intent.CALL_BACK:
                return [Phrase(phrases.CALL_BACK), *self._begin_message(heard)]
            case Intent.HUMAN:
                return [Phrase(phrases.HUMAN), *self._begin_message(heard)]
            case _:
                pass
        if heard.answer is not None and heard.answer.score >= 0:
            self._misses = 0
            self._move(State.MORE)
            self._answered = phrases.named(heard.answer.text, self._business)
            return [Phrase(heard.answer.text), Phrase(phrases.MORE)]
        match heard.intent:
            case Intent.THANKS:
                return [Phrase(phrases.WELCOME), *self._enter(State.MORE)]
            case Intent.HELLO:
                return [Phrase(phrases.HELLO)]
            case Intent.HOW_ARE_YOU:
                return [Phrase(phrases.FINE)]
            case Intent.HELP:
                return [Phrase(phrases.WHAT_I_DO)]
            case _:
                pass
        if heard.agrees is True and len(heard.words) <= 3:
            return [Phrase(phrases.HELP)]
        if len(heard.words) <= 1 and not heard.digits:
            return self._miss()
        self._misses += 1
        self._move(State.OFFERED)
        return [Phrase(phrases.OFFER if self._misses == 1 else phrases.OFFER_AGAIN)]

    def _offered(self, heard: Heard) -> list[Thought]:
        wishes = (Intent.MESSAGE, Intent.CALL_BACK, Intent.HUMAN)
        if heard.intent in wishes or (heard.answer is not None and heard.answer.score >= 0):
            return self._listening(heard)
        if heard.agrees is True:
            return self._begin_message(heard)
        if heard.agrees is False:
            self._misses = 0
            return self._enter(State.MORE)
        if len(heard.words) > 3:
            return self._listening(heard)
        return self._miss()

    def _more(self, heard: Heard) -> list[Thought]:
        is_question = heard.answer is not None and heard.answer.score >= 0
        is_short = len(heard.words) <= 5
        if heard.intent is None and not is_question and heard.agrees is False and is_short:
            return self._end()
        if heard.intent is Intent.THANKS:
            # "No thank you", or thanks instead of an answer: nothing else is wanted.
            return self._end()
        return self._listening(heard)

    # Taking a message ---------------------------------------------------------------------------

    def _begin_message(self, heard: Heard) -> list[Thought]:
        self._message = Message()
        self._is_correcting = False
        if len(heard.digits) >= SHORTEST_NUMBER:
            self._message.number = heard.digits
        return self._enter(State.NAME)

    def _name(self, heard: Heard) -> list[Thought]:
        name = extract_name(heard.text)
        if not name and self._misses >= 2 and heard.words:
            # Better a strange name than a caller who is asked for ever.
            name = heard.text.strip(" .,!?")[:60]
        if not name:
            return self._miss()
        self._message.name = name
        return self._next_slot()

    def _own(self, heard: Heard) -> list[Thought]:
        if len(heard.digits) >= SHORTEST_NUMBER:
            self._message.number = heard.digits
            return self._next_slot()
        if heard.digits and heard.digits != "#":
            self._digits = ""
            self._move(State.NUMBER)
            return self._number(heard)
        if heard.agrees is True:
            self._message.number = self._own_number
            return self._next_slot()
        if heard.agrees is False:
            return self._enter(State.NUMBER)
        return self._miss()

    def _number(self, heard: Heard) -> list[Thought]:
        said = " ".join(heard.words)
        if self._digits and (
            "start again" in said
            or "start over" in said
            or (heard.agrees is False and not heard.digits)
        ):
            self._digits = ""
            return [Phrase(phrases.START_NUMBER_AGAIN), ExpectDigits(True)]
        digits = "" if heard.digits == "#" else heard.digits.replace("*", "")
        self._digits += digits if not self._digits else digits.lstrip("+")
        is_done = heard.digits == "#" or self._is_digits_done(heard) or heard.agrees is True
        if len(self._digits) >= SHORTEST_NUMBER or (is_done and len(self._digits) >= 3):
            self._message.number = self._digits
            return self._next_slot()
        if digits:
            return [Phrase(phrases.number_so_far(say_digits(self._digits)))]
        own = self._own_number
        if own and any(way in said for way in ("this number", "same number", "calling from")):
            self._message.number = own
            return self._next_slot()
        if self._misses >= 2:
            self._message.number = own or "unknown"
            return self._next_slot()
        return self._miss()

    def _text(self, heard: Heard) -> list[Thought]:
        if not heard.words:
            return self._miss()
        self._message.text = (heard.text[:1].upper() + heard.text[1:])[:LONGEST_MESSAGE]
        return self._next_slot()

    def _confirm(self, heard: Heard) -> list[Thought]:
        slot = slot_named(heard.words)
        if heard.agrees is False or slot is not None:
            self._is_correcting = True
            return self._enter(slot or State.CORRECT)
        if heard.agrees is True or self._is_digits_done(heard) or heard.digits == "1":
            return self._taken(confirmed=True)
        if self._misses >= 2:
            # A message that may have a mistake is worth more than none.
            return self._taken(confirmed=False)
        return self._miss()

    def _correct(self, heard: Heard) -> list[Thought]:
        slot = slot_named(heard.words)
        if slot is None and self._misses >= 2:
            return self._taken(confirmed=False)
        return self._miss() if slot is None else self._enter(slot)

    def _next_slot(self) -> list[Thought]:
        """Ask for the first thing that is missing, or read everything back."""
        message = self._message
        if not message.name:
            return self._enter(State.NAME)
        if not message.number:
            return self._enter(State.OWN_NUMBER if self._own_number else State.NUMBER)
        if not message.text:
            return self._enter(State.TEXT)
        number = say_digits(message.number) or "an unknown number"
        read = phrases.read_back(message.name, number, message.text)
        lead = Phrase(phrases.READ_BACK)
        return [*self._leave(), lead, Words(read), *self._enter(State.CONFIRM)]

    def _taken(self, *, confirmed: bool) -> list[Thought]:
        message = self._message
        note = Note(
            "message_taken",
            {
                "name": message.name,
                "number": message.number,
                "text": message.text,
                "confirmed": int(confirmed),
            },
        )
        self._message = Message()
        return [note, Phrase(phrases.TAKEN), *self._enter(State.MORE)]

    # Moving -------------------------------------------------------------------------------------

    def _enter(self, state: State) -> list[Thought]:
        """Move on and ask what the new state asks."""
        left = self._leave()
        self._move(state)
        self._misses = 0
        entered: list[Thought] = [Phrase(phrases.QUESTIONS[state])]
        if state is State.NUMBER:
            self._digits = ""
            entered.insert(0, ExpectDigits(True))
        return left + entered

    def _leave(self) -> list[Thought]:
        return [ExpectDigits(False)] if self._state is State.NUMBER else []

    def _miss(self) -> list[Thought]:
        """Say the question in other words; the states end a longer row of misunderstandings."""
        self._misses += 1
        first, second = phrases.REPHRASED[self._state]
        if self._state in (State.LISTENING, State.MORE, State.ENDED) and self._misses > 1:
            self._move(State.OFFERED)
        return [Phrase(first if self._misses == 1 else second)]

    def _move(self, state: State) -> None:
        if state not in MOVES[self._state]:
            raise InvalidTransition(self._state, state)
        self._state = state
