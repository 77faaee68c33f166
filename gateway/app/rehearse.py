"""Builds a caller with a worker and speech models of its own, who phones a gateway."""

from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.caller_voice import CallerVoice
from agents.hearing.hub import HearingHub
from agents.local.assets import silero_vad_model
from agents.speech.pool import SpeechPool
from agents.speech.wire import JobKind
from agents.voices import LocalVoice
from gateway.app.processes import telephony_argv, web_caller_argv
from gateway.config import Config
from gateway.endpoints.worker import WorkerEndpoint
from gateway.metrics import Metrics
from gateway.model.endpoint import OfferListener
from gateway.model.events import EndpointKind
from gateway.rehearsal.perform import Plan, Rehearsed, caller_config, perform


async def rehearse(config: Config, plan: Plan) -> Rehearsed:
    """Have a bundled caller phone a gateway, with a SIP or WebRTC worker and speech models of its own.

    Raises `GatewayError` when the caller itself cannot work; what the gateway does wrong is in the report.
    """
    metrics = Metrics()
    hearing = HearingHub(silero_vad_model())
    pool = SpeechPool(
        config.speech.model_copy(update={"workers": 1}), kinds=(JobKind.TRANSCRIBE, JobKind.SPEAK)
    )

    async def words(pcm: bytes) -> str:
        return (await pool.transcribe(pcm)).text

    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="offhook-rehearse-")))
        await hearing.start()
        stack.push_async_callback(hearing.stop)
        await pool.start()
        stack.push_async_callback(pool.stop)
        caller = caller_config(config, plan, scratch)

        def endpoint(offers: OfferListener) -> WorkerEndpoint:
            kind, argv = EndpointKind.SIP, telephony_argv
            if plan.is_webrtc:
                kind, argv = EndpointKind.WEBRTC, web_caller_argv
            return WorkerEndpoint(
                kind,
                argv(caller, scratch / "caller.json"),
                offers=offers,
                ticks=hearing,
                metrics=metrics,
            )

        return await perform(
            plan,
            endpoint=endpoint,
            hearing=hearing,
            voice=CallerVoice(LocalVoice(pool)),
            transcribe=words,
        )
