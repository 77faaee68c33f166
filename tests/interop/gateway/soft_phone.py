"""baresip as a caller: a softphone with a sound file for a microphone."""

import re
import subprocess
from pathlib import Path
from typing import Self

from gateway.media.wav import write_wav
from tests.interop.support.gateway_peer import free_port

_MODULES = next(
    (path for path in Path("/usr/lib").glob("**/baresip/modules") if path.is_dir()),
    Path("/usr/lib/baresip/modules"),
)
_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{port}
sip_certificate
audio_player aubridge,nowhere
audio_source aufile,{microphone}
audio_alert aubridge,nowhere
ausrc_srate 16000
auplay_srate 16000
ausrc_channels 1
auplay_channels 1
audio_level no
rtp_ports 36000-39000
net_interface 127.0.0.1
module_path {modules}
module g722.so
module opus.so
module g711.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
module_tmp uuid.so
"""


class SoftPhone:
    """One call with one codec; use as a context manager. `microphone` is PCM16 16 kHz."""

    def __init__(
        self, directory: Path, sip_port: int, dialled: str, *, codec: str, microphone: bytes
    ) -> None:
        directory.mkdir(parents=True)
        self.number = f"baresip-{re.sub(r'[^a-z0-9]', '', codec.lower())}-{free_port()}"
        self._directory = directory
        sound = directory / "microphone.wav"
        write_wav(sound, microphone)
        port = free_port()
        (directory / "config").write_text(
            _CONFIG.format(port=port, microphone=sound, modules=_MODULES)
        )
        (directory / "accounts").write_text(
            f"<sip:{self.number}@127.0.0.1:{port}>;regint=0;audio_codecs={codec}\n"
        )
        (directory / "contacts").write_text("")
        self._target = f"sip:{dialled}@127.0.0.1:{sip_port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with open(self._directory / "baresip.out", "wb") as output:
            self._process = subprocess.Popen(
                ["baresip", "-4", "-f", str(self._directory), "-e", f"/dial {self._target}"],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        assert process is not None
        process.terminate()  # it hangs up first
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def output(self) -> str:
        return (self._directory / "baresip.out").read_text(errors="replace")
