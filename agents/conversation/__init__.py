"""One call's conversation: turns in, answers out."""
