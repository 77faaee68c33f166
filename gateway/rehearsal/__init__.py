"""Rehearsal: a bundled caller phones a running gateway, speaks a script, listens and judges."""
