"""Local models: speech recognition, voice, end of turn, embeddings."""
