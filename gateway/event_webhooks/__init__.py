"""Tells programs of the operator's own what happens: signed, durable, tried again."""
