"""Builds the pjsua2 wheel that a gateway needs; standard library only, so it runs before all else."""
