"""Renders `gateway/clips/*.wav` anew with the embedded voice: `python scripts/render_clips.py`.

The models draw random numbers; the seed makes the same versions of everything give the same files.
"""

import sys
import wave
from pathlib import Path

import onnxruntime

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from agents.local import assets  # noqa: E402 (needs the path above)
from agents.local.joining import joined  # noqa: E402
from agents.local.piper_voice import PiperVoice  # noqa: E402
from agents.local.sentences import split_text  # noqa: E402
from gateway.clips import TEXTS  # noqa: E402
from gateway.model.frame import RATE_HZ, SAMPLE_BYTES  # noqa: E402

SEED = 1


def main() -> None:
    """Write each clip over the old one."""
    onnxruntime.set_seed(SEED)
    voice = PiperVoice(assets.joe_model(), assets.joe_config(), "joe")
    for clip, text in TEXTS.items():
        speech = joined(text, [voice.speak(sentence) for sentence in split_text(text)])
        path = ROOT / "gateway" / "clips" / f"{clip.value}.wav"
        with wave.open(str(path), "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(SAMPLE_BYTES)
            writer.setframerate(RATE_HZ)
            writer.writeframes(speech.pcm)
        print(f"{path.relative_to(ROOT)}: {speech.duration_ms / 1000:.1f} s, {text!r}")


if __name__ == "__main__":
    main()
