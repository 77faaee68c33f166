"""How busy the gateway is, and whether it takes further calls."""
