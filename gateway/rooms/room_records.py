"""What the desk for writing reads and writes of a room within one transaction."""

from sqlalchemy import Connection

from gateway.model.messages import InboundMessage
from gateway.model.text_agent import TextNote
from gateway.rooms import text_lines
from gateway.store import room_lines


def put_notes(
    connection: Connection,
    room_id: str,
    message: InboundMessage,
    notes: tuple[TextNote, ...],
    agent: str,
) -> None:
    """Write down what an agent recorded about a message, once."""
    for number, note in enumerate(notes):
        line_id, entry = text_lines.noted(room_id, message, note, number, agent)
        room_lines.append_line(connection, entry, entry_id=line_id)


def greeting_before(connection: Connection, message: InboundMessage) -> str:
    """Return the greeting that a message was the occasion of, empty if there was none."""
    texts: list[str] = []
    while text := room_lines.line_text(connection, text_lines.greeting_id(message, len(texts))):
        texts.append(text)
    return "\n\n".join(texts)
