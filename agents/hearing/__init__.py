"""Hearing: audio of all callers into ring buffers and one batched voice-activity model."""
