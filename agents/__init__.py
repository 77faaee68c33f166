"""Agents, and what they hear, think and speak with."""
