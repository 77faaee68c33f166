"""Many callers in one run of the model hear exactly what each would alone."""

import numpy as np

from agents.hearing.vad_model import CHUNK, SileroVad
from tests.support.hearing import babble

ROWS = 40


def test_results_of_a_batch_are_bit_identical_to_single_runs(vad_model):
    rng = np.random.default_rng(1)
    sound = babble(CHUNK * 60 * 2)[::2].astype(np.float32) / 32_768
    chunks = sound.reshape(-1, CHUNK)
    together, alone = SileroVad(vad_model, ROWS), [SileroVad(vad_model, 1) for _ in range(6)]
    only = np.zeros(1, dtype=np.int32)

    seen = 0
    for _ in range(50):
        count = int(rng.integers(1, ROWS + 1))
        rows = rng.permutation(ROWS)[:count].astype(np.int32)
        batch = chunks[rng.integers(0, len(chunks), count)]
        if rng.random() < 0.2:
            together.reset(rows)
            for row in rows[rows < len(alone)]:
                alone[row].reset(only)
        got = together.score(rows, batch)
        for index in np.flatnonzero(rows < len(alone)):
            assert alone[rows[index]].score(only, batch[index : index + 1])[0] == got[index]
            seen += got[index] > 0.5

    assert seen > 5, "the sound was to be taken for speech at times"
