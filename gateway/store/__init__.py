"""Keeps rooms, timelines and calls in a database; nothing that was acknowledged is lost by a crash."""
