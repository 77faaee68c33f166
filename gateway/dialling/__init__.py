"""Calls that we place: what may be dialled, by which trunk, and what becomes of it."""
