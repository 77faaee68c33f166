"""Reaches people in writing: providers, the outbox, and what to try when a way fails."""
