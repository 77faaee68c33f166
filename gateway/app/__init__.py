"""The composition root: the only package of the gateway that knows `agents`, and the workers' programs."""
