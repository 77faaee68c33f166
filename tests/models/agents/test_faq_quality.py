"""The default FAQ with the real embeddings: true questions are answered, others get an offer."""

import pytest

from agents.local import assets
from agents.local.embed import Embedder
from agents.receptionist.faq import FaqIndex
from gateway.config import ReceptionistAgent
from gateway.errors import AssetError

HOURS, PLACE, ROBOT = (entry.answer for entry in ReceptionistAgent().faq)


class AsyncEmbedder:
    def __init__(self, embedder):
        self._embedder = embedder

    async def embed(self, texts):
        return self._embedder.embed(texts)


@pytest.fixture(scope="module")
def embedder():
    try:
        return AsyncEmbedder(Embedder(assets.embedding_weights(), assets.embedding_tokenizer()))
    except AssetError as error:
        pytest.skip(str(error))


async def answer_to(text, embedder):
    section = ReceptionistAgent()
    index = await FaqIndex.build(section.faq, embedder, section.faq_threshold)
    found = await index.find(text, embedder)
    return found.text if found is not None and found.score >= 0 else ""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What time do you close on Friday?", HOURS),
        ("um hi could you tell me what your opening hours are please", HOURS),
        ("are you open on saturday", HOURS),
        ("until when are you open tonight", HOURS),
        ("how can i find you", PLACE),
        ("Where are you located?", PLACE),
        ("could you give me your address please", PLACE),
        ("are you a robot", ROBOT),
        ("who is this", ROBOT),
    ],
)
async def test_questions_are_answered_in_other_words(question, answer, embedder):
    assert await answer_to(question, embedder) == answer


@pytest.mark.parametrize(
    "question",
    [
        "Do you sell bicycles?",
        "I would like to order a cake.",
        "My internet is broken.",
        "How much does it cost?",
        "Can I book a table for two?",
        "I have a problem with my invoice.",
        "Do you have parking?",
        "Is John there?",
        "Tell me a joke.",
    ],
)
async def test_other_questions_are_not_answered_at_random(question, embedder):
    assert await answer_to(question, embedder) == ""
