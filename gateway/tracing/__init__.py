"""Traces of calls, made from their timelines once they are over."""
