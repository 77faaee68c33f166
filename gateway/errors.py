"""Every error that Offhook raises on purpose.

GatewayError                      code: stable, for HTTP clients, logs and metrics
├── ConfigError                   config.invalid
├── AssetError                    asset.missing
├── LinkError                     link.failed
│   ├── LinkClosed                link.closed
│   ├── LinkProtocolError         link.protocol
│   └── LinkVersionError          link.version
├── EndpointError                 endpoint.failed       retryable
├── CallError                     call.failed
│   ├── CallNotFound              call.not_found
│   ├── InvalidTransition         call.transition
│   ├── HearingFull               call.hearing_full     retryable
│   ├── NoAgent                   agent.not_found
│   ├── OfferRefused              sdp.refused
│   ├── IceSessionReplaced        ice.stale
│   ├── CallOver                  call.over
│   ├── DialRefused               dial.refused
│   └── DialFailed                dial.failed           retryable
├── RoomNotFound                  room.not_found
├── MessageError                  message.failed
│   ├── OptedOut                  message.opted_out
│   ├── Unreachable               message.unreachable
│   └── KeyReused                 message.key_reused
├── RecordingFailed               recording.failed
├── RecordingNotRunning           recording.not_running
├── StoreError                    store.failed          retryable
└── ProviderError                 provider.failed
    ├── ProviderUnavailable       provider.unavailable  retryable
    └── ProviderRefused           provider.refused

Outcomes are not errors: a busy line or a caller who hangs up is a `HangupCause`. Facts are attributes
or in the message; the message may change, the code may not.
"""

from typing import ClassVar


class GatewayError(Exception):
    """Root of all errors raised on purpose."""

    code: ClassVar[str] = "gateway.failed"
    retryable: ClassVar[bool] = False


class ConfigError(GatewayError):
    """The configuration is wrong; the message names file, key, value and remedy."""

    code = "config.invalid"


class AssetError(GatewayError):
    """A model, voice or clip is not installed; the message names the remedy."""

    code = "asset.missing"


class LinkError(GatewayError):
    """The media link between gateway and worker failed."""

    code = "link.failed"


class LinkClosed(LinkError):
    """The other end of the link is gone."""

    code = "link.closed"


class LinkProtocolError(LinkError):
    """The other end sent something that the protocol does not allow."""

    code = "link.protocol"


class LinkVersionError(LinkError):
    """The two ends speak different versions of the link."""

    code = "link.version"


class EndpointError(GatewayError):
    """An endpoint could not start or lost what it needs."""

    code = "endpoint.failed"
    retryable = True


class CallError(GatewayError):
    """Something about one call."""

    code = "call.failed"


class CallNotFound(CallError):
    """No call has this id."""

    code = "call.not_found"

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        super().__init__(f"no call {call_id!r}")


class InvalidTransition(CallError):
    """A trigger that the state table does not have for the current state."""

    code = "call.transition"

    def __init__(self, state: str, trigger: str) -> None:
        self.state = state
        self.trigger = trigger
        super().__init__(f"{trigger!r} cannot happen in state {state!r}")


class HearingFull(CallError):
    """All ears are taken."""

    code = "call.hearing_full"
    retryable = True


class NoAgent(CallError):
    """Nobody answers what was called."""

    code = "agent.not_found"


class OfferRefused(CallError):
    """A session description cannot be used; the message says which rule it breaks."""

    code = "sdp.refused"


class IceSessionReplaced(CallError):
    """A description is about an ICE session that another one has replaced."""

    code = "ice.stale"


class CallOver(CallError):
    """The call ended before what was asked could be done."""

    code = "call.over"


class DialRefused(CallError):
    """A number may not be dialled; the message names the setting and the remedy."""

    code = "dial.refused"

    def __init__(self, reason: str, message: str, *, retry_after_s: int = 0) -> None:
        self.reason = reason
        """Which rule: one of `gateway.dialling.policy.Refusal`, `no_agent` or `key_reused`."""
        self.retry_after_s = retry_after_s
        """0: waiting does not help."""
        super().__init__(message)


class DialFailed(CallError):
    """Nothing can be dialled now, whatever the number."""

    code = "dial.failed"
    retryable = True


class RecordingFailed(GatewayError):
    """A recording cannot go on; the call does."""

    code = "recording.failed"

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        """One word for the timeline: `disk_full`, `disk`, `file_full`, `encoder`."""
        super().__init__(message)


class RecordingNotRunning(GatewayError):
    """A recording cannot be paused or gone on with in its state."""

    code = "recording.not_running"


class RoomNotFound(GatewayError):
    """No room has this id."""

    code = "room.not_found"

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        super().__init__(f"no room {room_id!r}")


class MessageError(GatewayError):
    """A message to a person was not accepted."""

    code = "message.failed"


class OptedOut(MessageError):
    """The person wants no messages."""

    code = "message.opted_out"


class Unreachable(MessageError):
    """There is no way in writing to the person; the message says why for each channel."""

    code = "message.unreachable"


class KeyReused(MessageError):
    """An idempotency key was used before, for another message."""

    code = "message.key_reused"


class StoreError(GatewayError):
    """The store could not write or read."""

    code = "store.failed"
    retryable = True


class ProviderError(GatewayError):
    """A speech or language provider failed."""

    code = "provider.failed"


class ProviderUnavailable(ProviderError):
    """Timed out, unreachable, overloaded: another try or another provider may work."""

    code = "provider.unavailable"
    retryable = True


class ProviderRefused(ProviderError):
    """The provider understood and said no: bad key, bad request, unsupported."""

    code = "provider.refused"
