"""Offhook: a self-hosted telephony gateway for AI agents; imports nothing, so that workers stay light."""

__version__ = "0.1.0"
