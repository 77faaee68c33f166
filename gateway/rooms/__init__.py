"""Rooms: one conversation with one person, whatever it is carried by, and its timeline."""
