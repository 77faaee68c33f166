"""The agent that converses through any OpenAI-compatible chat-completions URL."""
