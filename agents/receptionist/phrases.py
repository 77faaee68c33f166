"""Every sentence the receptionist says, and how often it may say the same thing in other words."""

from agents.receptionist.states import State

BUSINESS = "{business}"
"""Stands for the name of the business in every phrase."""

OFFER = "I am afraid I do not know that. May I take a message for you?"
OFFER_AGAIN = "I am sorry, I cannot help with that. Shall I take a message, so that somebody can call you back?"
HUMAN = "Nobody can come to the telephone right now, but I can take a message."
CALL_BACK = "Of course, I will have somebody call you back."
TAKE = "Of course, I will take a message."
WELCOME = "You are welcome."
MORE = "Is there anything else I can do for you?"
HELP = "How can I help you?"
HELLO = "Hello! How can I help you?"
FINE = "I am fine, thank you. How can I help you?"
WHAT_I_DO = (
    f"I can answer questions about {BUSINESS}, and I can take a message. What would you like?"
)
HEAR_YOU = "Yes, I can hear you."
TAKE_TIME = "Take your time."
DROPPED = "All right, I will not take the message."
START_NUMBER_AGAIN = "All right, let us start again with the number."
TAKEN = "Thank you, I have taken your message, and I will pass it on."
READ_BACK = "Let me read that back to you."
"""Rendered ahead, so it plays while the message itself is rendered."""

TEXT_SENT = "I have sent it to you as a text message."
TEXT_NOT_SENT = "I am sorry, I cannot send a text message to this line."
TEXT_WHAT = "What would you like me to send you? Please ask, and I will send you the answer."

QUESTIONS: dict[State, str] = {
    State.LISTENING: HELP,
    State.OFFERED: "May I take a message for you?",
    State.NAME: "What is your name, please?",
    State.OWN_NUMBER: "Can we reach you on the number you are calling from?",
    State.NUMBER: "What is your telephone number? You can say it or press the keys.",
    State.TEXT: "What is your message?",
    State.CONFIRM: "Is that right?",
    State.CORRECT: "What should I change: the name, the number, or the message?",
    State.MORE: MORE,
    State.ENDED: HELP,
}
"""What is asked on entering a state."""

REPHRASED: dict[State, tuple[str, str]] = {
    State.LISTENING: (WHAT_I_DO, OFFER_AGAIN),
    State.OFFERED: (
        "Sorry, shall I take a message? Please say yes or no.",
        "I did not understand. If you would like to leave a message, please say yes.",
    ),
    State.NAME: (
        "Sorry, I did not get your name. Could you say it once more?",
        "Please say only your first and last name.",
    ),
    State.OWN_NUMBER: (
        "Sorry, may we call you back on the number you are calling from? Please say yes or no.",
        "Please say yes if this number is fine, or tell me another number.",
    ),
    State.NUMBER: (
        "Sorry, I did not get the number. Please say it digit by digit.",
        "I still did not get it. Please press the digits on your telephone, and then the hash key.",
    ),
    State.TEXT: (
        "Sorry, I did not get your message. Please say it once more.",
        "Please tell me in a sentence what I should pass on.",
    ),
    State.CONFIRM: (
        "Sorry, is the message right as I read it? Please say yes or no.",
        "Please say yes if it is right, or tell me what to change.",
    ),
    State.CORRECT: (
        "Please say name, number, or message.",
        "Which part is wrong? The name, the number, or the message?",
    ),
    State.MORE: (WHAT_I_DO, OFFER_AGAIN),
    State.ENDED: (WHAT_I_DO, OFFER_AGAIN),
}
"""What is said at the first and at the second misunderstanding in a row."""


def number_so_far(digits: str) -> str:
    """Return what is said when a number seems not to be complete."""
    return f"I have {digits} so far. Please go on, or say that is all."


def read_back(name: str, number: str, text: str) -> str:
    """Return the message as it is read back; `number` already in words."""
    ending = "" if text.endswith((".", "!", "?")) else "."
    return f"I have a message from {name}, on {number}. The message is: {text}{ending}"


def fixed_phrases(business: str) -> tuple[str, ...]:
    """Return every sentence that does not depend on the call, without doubles."""
    fixed = [OFFER, OFFER_AGAIN, HUMAN, CALL_BACK, TAKE, WELCOME, MORE, HELP, HELLO, FINE]
    fixed += [WHAT_I_DO, HEAR_YOU, TAKE_TIME, DROPPED, START_NUMBER_AGAIN, TAKEN, READ_BACK]
    fixed += [TEXT_SENT, TEXT_NOT_SENT, TEXT_WHAT]
    fixed += QUESTIONS.values()
    for pair in REPHRASED.values():
        fixed += pair
    return tuple(dict.fromkeys(named(text, business) for text in fixed))


def named(text: str, business: str) -> str:
    """Return a phrase with the name of the business in its place."""
    return text.replace(BUSINESS, business)
