"""The browser worker: terminates WebRTC calls and hands their audio to the gateway."""
