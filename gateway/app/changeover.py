"""What changes hands when the configuration does: agents, phrases, routes, and what the SIP worker reads."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.build import close_agents
from gateway.app.processes import write_config
from gateway.config import Config
from gateway.errors import EndpointError
from gateway.model.line import Agent

if TYPE_CHECKING:
    from gateway.app.gateway import Gateway

log = logging.getLogger(__name__)

RETIRED_S = 60.0
"""An agent that was replaced stays at least so long: it may be writing an answer."""


class Changeover:
    """The two steps of a reload, for one gateway; on the event loop."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._retiring: dict[asyncio.Task[None], Mapping[str, Agent]] = {}

    async def prepare(self, running: Config, new: Config) -> Mapping[str, Agent]:
        """Make agents and phrases ready; returns all agents, unchanged ones as they are.

        Raises `GatewayError`; then nothing has changed.
        """
        gateway = self._gateway
        sections = {
            name: section
            for name, section in new.agents.items()
            if running.turns != new.turns or running.agents.get(name) != section
        }
        made = gateway.make_agents(new.model_copy(update={"agents": sections}))
        try:
            for agent in made.values():
                await agent.start()
            await gateway.prepare_phrases(new, sections)
            if gateway.sip is not None:
                await asyncio.to_thread(write_config, new, gateway.telephony_file)
        except OSError as error:
            await close_agents(made)
            raise EndpointError(f"cannot write what the SIP worker reads: {error}") from error
        except BaseException:
            await close_agents(made)
            raise
        return {name: made.get(name) or gateway.agents[name] for name in new.agents}

    def swap(self, config: Config, agents: Mapping[str, Agent]) -> None:
        """Put it all in place; calls that go on keep what they began with."""
        gateway = self._gateway
        old = dict(gateway.agents)
        # In place: others look into the same table.
        gateway.agents.clear()
        gateway.agents.update(agents)
        gateway.config = config
        registry = gateway.registry
        registry.replace(
            numbers=config.numbers,
            agents=gateway.agents,
            settings=config.agents,
            around=replace(
                registry.around,
                greeting=config.greeting,
                turns=config.turns,
                max_call_s=config.gateway.max_call_s,
            ),
        )
        gateway.dialler.replace_rules(config.dialling)
        gateway.texting.replace(config, old, gateway.agents)
        gateway.rooms.replace(config)
        gateway.observing.recordings.replace(config)
        if gateway.desk is not None:
            gateway.desk.replace_agents(tuple(config.agents))
        if gateway.sip is not None:
            gateway.sip.reread()
        gone = {name: agent for name, agent in old.items() if agents.get(name) is not agent}
        if gone:
            task = asyncio.create_task(self._retire(gone), name="retire agents")
            self._retiring[task] = gone
            task.add_done_callback(lambda done: self._retiring.pop(done, None))

    async def close(self) -> None:
        """Release replaced agents at once; may be called twice."""
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for agents in retiring.values():
            await close_agents(agents)

    async def _retire(self, agents: Mapping[str, Agent]) -> None:
        await asyncio.sleep(RETIRED_S)
        await self._gateway.registry.wait_until_unused(tuple(agents.values()))
        await close_agents(agents)
