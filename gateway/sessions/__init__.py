"""Sessions: the gateway's object for one call, and the pure objects that decide for it."""
