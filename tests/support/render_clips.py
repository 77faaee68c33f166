"""Renders `gateway/clips/*.wav` anew with the embedded voice: `python -m tests.support.render_clips`.

The models draw random numbers; the seed makes the same versions of everything give the same files.
"""

import wave
from importlib.resources import files
from pathlib import Path

import onnxruntime

from agents.local import assets
from agents.local.joining import joined
from agents.local.piper_voice import PiperVoice
from agents.local.sentences import split_text
from gateway import clips
from gateway.model.frame import RATE_HZ, SAMPLE_BYTES

SEED = 1


def main() -> None:
    """Write each clip over the old one."""
    onnxruntime.set_seed(SEED)
    voice = PiperVoice(assets.joe_model(), assets.joe_config(), "joe")
    for clip, text in clips.TEXTS.items():
        speech = joined(text, [voice.speak(sentence) for sentence in split_text(text)])
        path = Path(str(files(clips))) / f"{clip.value}.wav"
        with wave.open(str(path), "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(SAMPLE_BYTES)
            writer.setframerate(RATE_HZ)
            writer.writeframes(speech.pcm)
        print(f"{path.name}: {speech.duration_ms / 1000:.1f} s, {text!r}")


if __name__ == "__main__":
    main()
