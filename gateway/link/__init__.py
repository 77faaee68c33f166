"""The media link between the gateway and one worker process."""
