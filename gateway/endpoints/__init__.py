"""Endpoints as the gateway process sees them: each makes legs of calls."""
