"""PCM maths: pure functions and small objects; numpy lives here and at the media edges only."""
