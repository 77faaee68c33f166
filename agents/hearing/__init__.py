"""Hearing: ring buffers and voice activity of all callers, as a few vectorised operations per tick."""
