"""Text that every database takes."""


def clean(text: str) -> str:
    """Return the text without NUL and with no half of a surrogate pair."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
