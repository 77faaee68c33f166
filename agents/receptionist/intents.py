"""Recognises the fixed wishes and answers of callers by their words: yes, no, goodbye, a message …

Patterns run over plain lower-case words, first match wins; recognisers drop or invent punctuation.
"""

import re
from enum import StrEnum

from agents.turns.backchannels import is_farewell, words_of


class Intent(StrEnum):
    """What the caller wants, apart from questions of the FAQ."""

    GOODBYE = "goodbye"
    THANKS = "thanks"
    REPEAT = "repeat"
    TEXT_ME = "text_me"
    """The last answer is wanted in writing."""
    CANCEL = "cancel"
    WAIT = "wait"
    HUMAN = "human"
    CALL_BACK = "call_back"
    MESSAGE = "message"
    HELLO = "hello"
    HOW_ARE_YOU = "how_are_you"
    CAN_YOU_HEAR = "can_you_hear"
    HELP = "help"


_PATTERNS: tuple[tuple[Intent, str], ...] = (
    (Intent.TEXT_ME, r"\b(text|sms|whatsapp|whats app) (that|it|this|those|me|us)\b(?!.*\bback\b)|\bmessage me\b"
     r"(?!.*\bback\b)|\b(send|get|give) (me|us|that|it|this|those)\b.*\b(text|texts|sms|whatsapp|whats app|"
     r"in writing)\b|\b(send|give) me (a|the)\b.*\bmessage\b|\bsend (me|us) (that|it|this|those|the|your)\b|"
     r"\bsend (that|it|this|those) to (me|us|my (phone|mobile|cell|number|telephone))\b|"
     r"\b(have|get) (that|it|this) in writing\b"),
    (Intent.REPEAT, r"\b(repeat|say (that|it) again|one more time|once more|come again|pardon|"
     r"what did you say|didn't (catch|get|hear|understand)|did not (catch|get|hear|understand)|again please)\b"
     r"|^(sorry|what|excuse me|say again)$"),
    (Intent.CANCEL, r"\b(never ?mind|forget (it|about it)|cancel|don't bother|no message|changed my mind|"
     r"leave it)\b"),
    (Intent.WAIT, r"\b(hold on|hang on|wait a|just a (second|moment|minute)|one (second|moment|minute)|"
     r"give me a|let me (think|see|check|look))\b|^wait$"),
    (Intent.CAN_YOU_HEAR, r"\b((can|do) you hear me|are you (still )?there|anybody there|anyone there)\b"),
    (Intent.CALL_BACK, r"\b(call|ring|phone|ringing|calling) (me|us) back\b|\bcall ?back\b|"
     r"\breturn (my|the) call\b|\b(call|ring|phone) me\b"),
    (Intent.MESSAGE, r"\b(leave|take|pass on|give|send|record|have|got)\b.*\bmess(age|aged|ages|enger)\b|"
     r"^(a )?message( please)?$|\b(tell|let) (him|her|them|someone|somebody|mr|mrs)\b|\bmassage for\b|"
     r"\bleave (a|my) massage\b"),
    (Intent.HUMAN, r"\b(speak|talk|speaking|put me through|connect me|transfer me|transfer)\b.*"
     r"\b(to|with)\b.*\b(human|person|someone|somebody|anyone|anybody|operator|agent|representative|"
     r"manager|staff|people|mr|mrs|miss|doctor|real)\b|^(an? )?(human|operator|agent|representative|"
     r"real person|person)( please)?$|\b(real (person|human)|human being|an operator|put me through|connect me)\b"
     r"|\b(speak|talk) (to|with) [a-z]+( please)?$"),
    (Intent.HOW_ARE_YOU, r"\bhow (are|re) (you|ya)\b|\bhow's it going\b|\bhow do you do\b"),
    (Intent.HELP, r"\bwhat can (you|i) (do|ask|say)\b|\bhow (can|does) (you|this) (help|work)\b|^help( me)?( please)?$|"
     r"\bwhat (are )?my options\b"),
    (Intent.HELLO, r"^(hello|hi|hey|good (morning|afternoon|evening|day)|greetings)( there| hello| hi)*$"),
)  # fmt: skip
_COMPILED = tuple((intent, re.compile(pattern)) for intent, pattern in _PATTERNS)

_GOODBYE = re.compile(
    r"\b(good ?bye|bye|bye bye|that's (all|it)|that is (all|it)|that will be all|that'll be all|"
    r"that would be all|nothing else|i'm (done|finished)|i am (done|finished)|have a (nice|good|great) "
    r"(day|one|evening|weekend)|see you|hang up|end the call|we're done|i'm all set|all set|good night)\b"
)
_THANKS = re.compile(r"\b(thanks|thank you|thank|cheers|much appreciated)\b")

_NO = re.compile(
    r"^(no|nope|nah|naw|not|never|negative|wrong|incorrect|don't|i don't|i'd rather not|"
    r"that's (not|wrong|incorrect)|that is (not|wrong|incorrect)|it's (not|wrong)|it is (not|wrong)|isn't)\b"
    r"|\b(not (right|correct|really|quite|necessary|now)|is wrong|isn't right|incorrect|no thank)\b"
)
_YES = re.compile(
    r"^(yes|yeah|yep|yup|ya|yah|yea|sure|ok|okay|aye|correct|right|exactly|please|absolutely|definitely|"
    r"certainly|fine|perfect|good|great|affirmative|alright|all right|of course|go ahead|mhm|uh huh|mm hmm|"
    r"sounds|that's (right|correct|fine|good|it|perfect|great)|that is (right|correct|fine|good)|it is|it's "
    r"(right|correct|fine|good)|i (do|would|am|think so|guess so)|you (can|may)|please do|do that|everything|all)\b"
    r"|\b(that's (right|correct|fine)|is (right|correct|fine)|sounds good|go ahead|yes please|this number|"
    r"same number|this one)\b"
)


def find_intent(text: str) -> Intent | None:
    """Return the caller's wish, or None; a goodbye comes first, then the table, then thanks."""
    said = " ".join(words_of(text))
    if _GOODBYE.search(said) and len(said.split()) <= 10:
        return Intent.GOODBYE
    for intent, pattern in _COMPILED:
        if pattern.search(said):
            return intent
    if _THANKS.search(said) and (is_farewell(text) or len(said.split()) <= 6):
        return Intent.THANKS
    return None


def yes_or_no(text: str) -> bool | None:
    """Return whether the words agree (True) or disagree (False); None if they do neither."""
    said = " ".join(words_of(text))
    for filler in ("um ", "uh ", "er ", "well ", "oh ", "so ", "hm ", "mm "):
        said = said.removeprefix(filler)
    if re.match(r"^no\b.*\b(that's|that is|it's|it is) (right|correct|fine|good)\b", said):
        return True
    if _NO.search(said):
        return False
    return True if _YES.search(said) else None
