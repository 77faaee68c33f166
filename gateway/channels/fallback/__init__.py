"""Decides by which channel a person is reached when voice, or a message, has failed."""
