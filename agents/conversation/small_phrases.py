"""The small fixed phrases of every conversation, whatever the agent."""

AGAIN = "I am sorry, I did not catch that. Could you say it again?"
"""Voice was heard, but no words."""

FILLERS = ("One moment, please.", "I am still on it. Thank you for waiting.")
"""Said when an answer takes long: the first (unless the agent has its own), then the last again."""
