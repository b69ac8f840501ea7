"""A real model, small and untrained, behind the server."""

from __future__ import annotations

import openai
import pytest

from ontogeny.inference.engine import Engine
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.model.config import ModelShape
from ontogeny.model.transformer import Transformer
from ontogeny.serve.api import create_app
from ontogeny.serve.backend import NativeBackend
from ontogeny.tokenizer.chat import encode_prompt
from ontogeny.tokenizer.train import train_bpe
from tests.random_weights import randomise
from tests.serve.conftest import FINGERPRINT, NAME, openai_client, serving

ASK = [{"role": "user", "content": "What does open do? <|im_end|>"}]


@pytest.fixture
def engine() -> Engine:
    tokenizer = train_bpe(["open a file and read it, line by line"] * 4, vocab_size=300)
    model = Transformer(
        ModelShape(d_model=32, n_layers=1, n_heads=2, seq_len=96).resolve(tokenizer.vocab_size)
    )
    randomise(model, 3)
    return Engine(model.eval(), tokenizer)


def test_sizes_and_prompts(engine: Engine) -> None:
    backend = NativeBackend(engine)
    assert (backend.context_tokens, backend.vocab_size) == (96, engine.tokenizer.vocab_size)
    assert backend.encode("open") == engine.tokenizer.encode("open")
    assert backend.encode("") == [engine.tokenizer.end_of_text_id], "an empty prompt begins a document"
    assert backend.encode_chat(ASK) == encode_prompt(engine.tokenizer, ASK)


def test_the_client_gets_what_the_engine_says(engine: Engine) -> None:
    expected = engine.generate(
        encode_prompt(engine.tokenizer, ASK), SamplingOptions(max_new_tokens=12, temperature=0.8, seed=5)
    )
    asked = {"model": NAME, "messages": ASK, "max_tokens": 12, "temperature": 0.8, "top_p": 1, "seed": 5}
    with (
        serving(create_app(NativeBackend(engine), name=NAME, fingerprint=FINGERPRINT)) as url,
        openai_client(url) as client,
    ):
        whole = client.chat.completions.create(**asked)
        pieces = list(client.chat.completions.create(**asked, stream=True))
        text = client.completions.create(model=NAME, prompt="open", temperature=0)
    assert whole.choices[0].message.content == expected.text
    assert whole.choices[0].finish_reason == expected.finish_reason
    assert whole.usage.prompt_tokens == expected.prompt_tokens
    assert whole.usage.completion_tokens == expected.completion_tokens
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == expected.text
    greedy = engine.generate(engine.tokenizer.encode("open"), SamplingOptions(max_new_tokens=16))
    assert text.choices[0].text == greedy.text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, r"the model has no chat template \(use plain text"),
        ("{{ raise_exception('roles must alternate') }}", "refuses this conversation: roles must alternate"),
    ],
)
def test_a_conversation_that_the_template_cannot_write(
    engine: Engine, template: str | None, message: str
) -> None:
    engine.tokenizer.chat_template = template
    with (
        serving(create_app(NativeBackend(engine), name=NAME, fingerprint=FINGERPRINT)) as url,
        openai_client(url) as client,
        pytest.raises(openai.BadRequestError, match=message) as refused,
    ):
        client.chat.completions.create(model=NAME, messages=ASK)
    assert (refused.value.code, refused.value.param) == ("chat_template", "messages")
