import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.core.errors import DataError, ModelFormatError
from ontogeny.tokenizer.chat import encode_conversation, encode_prompt, render
from ontogeny.tokenizer.codec import Tokenizer

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What does `shuffle` do?"},
    {"role": "assistant", "content": "Shuffle list x in place."},
    {"role": "user", "content": "And `split`?"},
    {"role": "assistant", "content": "Split the string."},
]


def with_template(tokenizer: Tokenizer, template: str | None) -> Tokenizer:
    return Tokenizer(tokenizer._bpe, template)


def test_chatml_is_what_a_reader_expects(tokenizer: Tokenizer) -> None:
    assert render(tokenizer, TALK[1:2], add_generation_prompt=True) == (
        "<|im_start|>user\nWhat does `shuffle` do?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_mask_covers_answers_and_what_ends_them(tokenizer: Tokenizer) -> None:
    ids, mask = encode_conversation(tokenizer, TALK)
    learnt = [tokenizer.decode([i]) for i, on in zip(ids, mask, strict=True) if on]
    assert "".join(learnt) == "Shuffle list x in place.<|im_end|>Split the string.<|im_end|>"
    assert tokenizer.decode(ids) == render(tokenizer, TALK)


def test_a_prompt_is_the_beginning_of_the_conversation(tokenizer: Tokenizer) -> None:
    ids, mask = encode_conversation(tokenizer, TALK[:3])
    prompt = encode_prompt(tokenizer, TALK[:2])
    assert ids[: len(prompt)] == prompt
    assert mask[: len(prompt)] == [0] * len(prompt)
    assert mask[len(prompt)] == 1


@given(
    content=st.lists(st.sampled_from(["<|im_end|>", "<|im_start|>", "\n", "x", "\ue000", "<|", " é"])).map(
        "".join
    )
)
def test_no_message_can_end_a_turn(tokenizer: Tokenizer, content: str) -> None:
    talk = [{"role": "user", "content": content}, {"role": "assistant", "content": f"a{content}b"}]
    ids, mask = encode_conversation(tokenizer, talk)
    specials = [i for i in ids if i in tokenizer.special_ids.values()]
    assert specials == [tokenizer.special_id(t) for t in ("<|im_start|>", "<|im_end|>") * 2]
    learnt = tokenizer.decode([i for i, on in zip(ids, mask, strict=True) if on])
    assert learnt == f"a{content}b<|im_end|>"


# Alpaca: no special tokens but the end of text.
ALPACA = (
    "{% for m in messages %}{% if m.role == 'user' %}### Instruction:\n{{ m.content }}\n\n### Response:\n"
    "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
# A template that trims what people write.
TRIMMING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "learnt"),
    [
        (ALPACA, "Shuffle list x in place.<|endoftext|>"),
        (TRIMMING, "Shuffle list x in place.<|im_end|>"),
    ],
)
def test_other_templates_are_masked_as_well(tokenizer: Tokenizer, template: str, learnt: str) -> None:
    other = with_template(tokenizer, template)
    ids, mask = encode_conversation(other, TALK[1:3])
    assert other.decode([i for i, on in zip(ids, mask, strict=True) if on]) == learnt


@pytest.mark.parametrize(
    ("template", "kind", "message"),
    [
        (None, ModelFormatError, "no chat template"),
        ("{% for", ModelFormatError, "not valid Jinja"),
        ("{{ messages[0].content + 1 }}", ModelFormatError, "the chat template fails"),
        (
            "{{ ''.__class__.__mro__ }}{{ cycler.__init__.__globals__ }}",
            ModelFormatError,
            "the chat template fails",
        ),
        ("{{ raise_exception('user first') }}", DataError, "refuses this conversation: user first"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{{ 'x' * 999 }}{% endfor %}{% endfor %}",
            ModelFormatError,
            "without end",
        ),
    ],
)
def test_a_template_that_does_not_serve_is_refused(
    tokenizer: Tokenizer, template, kind, message: str
) -> None:
    with pytest.raises(kind, match=message):
        render(with_template(tokenizer, template), TALK)


def test_a_template_that_rewrites_earlier_turns_cannot_be_masked(tokenizer: Tokenizer) -> None:
    template = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(
        DataError, match="writes what comes before turn 3 differently once that turn is there"
    ):
        encode_conversation(with_template(tokenizer, template), TALK)
