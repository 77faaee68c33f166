"""What tests against real SIP programs share: the far ends, and a gateway small enough to see through."""
