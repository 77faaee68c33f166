"""Hooks: the operator's own coroutine functions, loaded by dotted name, called at fixed points of a room's life."""

import asyncio
import importlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from gateway.errors import ConfigError

log = logging.getLogger(__name__)

BOUND_S = 5.0
"""Longest a hook may take; a conversation does not wait for more."""


class Point(StrEnum):
    """Where hooks are called."""

    BEFORE_INBOUND = "before_inbound"
    """With `message`; returning False keeps it from the agent."""
    AFTER_INBOUND = "after_inbound"
    BEFORE_OUTBOUND = "before_outbound"
    """With `text`; returning a text replaces it, returning False keeps it from being sent."""
    AFTER_OUTBOUND = "after_outbound"
    SPEECH = "speech"
    """A line of a call was heard, with `call_id`, `role`, `text`, `is_interrupted`, `is_typed`."""
    SESSION_STARTED = "session_started"
    """A call was offered, with `call_id`, `endpoint`, `direction`, `caller`, `callee`, `agent`."""
    SESSION_ENDED = "session_ended"
    """A call ended, with `call_id`, `cause`, `duration_ms`."""


Hook = Callable[..., Awaitable[Any]]


def load_hook(name: str) -> Hook:
    """Return the coroutine function of a dotted name, `package.module.function`. Raises `ConfigError`."""
    module_name, _, attribute = name.rpartition(".")
    if not module_name:
        raise ConfigError(f"hook {name!r} is no dotted name; write it like my_hooks.on_message")
    try:
        found: Hook = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"hook {name!r} cannot be loaded: {error}") from None
    if not inspect.iscoroutinefunction(found):
        raise ConfigError(f"hook {name!r} is not an async function")
    return found


class Hooks:
    """All hooks of the configuration."""

    def __init__(
        self, hooks: Mapping[Point, Sequence[Hook]] | None = None, *, bound_s: float = BOUND_S
    ) -> None:
        self._hooks = {point: tuple(found) for point, found in (hooks or {}).items()}
        self._bound_s = bound_s

    def has(self, point: Point) -> bool:
        """Whether there is any hook for a point."""
        return bool(self._hooks.get(point))

    async def call(self, point: Point, room_id: str, **facts: Any) -> list[Any]:
        """Call the hooks of a point in order; returns what those returned that did not fail.

        A hook that fails or takes too long is logged, and the conversation goes on without it.
        """
        results = []
        for hook in self._hooks.get(point, ()):
            try:
                async with asyncio.timeout(self._bound_s):
                    results.append(await hook(room_id=room_id, **facts))
            except Exception:
                log.exception("a hook failed", extra={"point": point.value, "room_id": room_id})
        return results
