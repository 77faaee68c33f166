"""When a caller's turn is over, and when a caller interrupts; sans I/O."""
