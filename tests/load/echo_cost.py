"""Prints how long the echo judge takes: `python -m tests.load.echo_cost`."""

import time

import numpy as np

from gateway.media.echo import compare
from tests.support.hearing import babble

LENGTHS_S = (0.5, 2, 5, 10, 25)


def main() -> None:
    for seconds in LENGTHS_S:
        played = babble(int((seconds + 1.5) * 16_000))
        heard = np.rint(played[16_000:] * 0.2).astype("<i2")[: int(seconds * 16_000)].tobytes()
        times = []
        for _ in range(15):
            begun_s = time.perf_counter()
            compare(played.astype("<i2").tobytes(), heard)
            times.append((time.perf_counter() - begun_s) * 1000)
        times.sort()
        print(f"{seconds:5} s heard: median {times[7]:.1f} ms, worst {times[-1]:.1f} ms")


if __name__ == "__main__":
    main()
