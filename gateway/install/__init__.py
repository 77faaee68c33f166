"""Puts the gateway on a host as a systemd service: versions side by side, one of them current."""
