"""The HTTP server of the gateway: health, metrics and the API."""
