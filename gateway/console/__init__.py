"""What an operator sees in the web console: live calls, their sound, their quality, and a stream of events."""
