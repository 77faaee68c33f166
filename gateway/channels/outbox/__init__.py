"""Sends what was accepted, at least once and, as far as providers let it be known, at most once."""
