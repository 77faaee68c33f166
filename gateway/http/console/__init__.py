"""The web console over HTTP: its page, who is signed in, the stream of events and what only the console asks."""
