"""SentencePiece models made here byte by byte, the tokens they give, and bad files refused."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from ontogeny.core.errors import ModelFormatError
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.formats.sentencepiece import (
    AS_SUFFIX,
    BPE,
    BYTE,
    BYTE_FALLBACK,
    CHARSMAP,
    CONTROL,
    DUMMY_PREFIX,
    ESCAPE,
    MODEL_TYPE,
    NORMAL,
    SPACE,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
)

PIECES = [
    ("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), ("<sep>", 0.0, USER_DEFINED),
    *((f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)),
    (f"{SPACE}a", -1.0, NORMAL), ("bc", -2.0, NORMAL), (f"{SPACE}abc", -3.0, NORMAL), ("ab", -4.0, NORMAL),
    *((character, -10.0 - n, NORMAL) for n, character in enumerate(f"{SPACE}abcdé")),
]  # fmt: skip


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: int | float | bytes) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value)


def message(fields: dict[int, int | bytes]) -> bytes:
    return b"".join(field(number, value) for number, value in fields.items())


def model(
    kind: int = BPE,
    trainer: dict[int, int | bytes] | None = None,
    normalizer: dict[int, int | bytes] | None = None,
    pieces: list[tuple[str, float, int]] | None = None,
) -> bytes:
    out = b"".join(
        field(1, field(1, text.encode()) + field(2, score) + field(3, type_))
        for text, score, type_ in (PIECES if pieces is None else pieces)
    )
    return (
        out
        + field(2, message({MODEL_TYPE: kind, BYTE_FALLBACK: 1, **(trainer or {})}))
        + field(3, message(normalizer or {}))
    )


def load(folder: Path, data: bytes) -> Tokenizer:
    (folder / "tokenizer.model").write_bytes(data)
    return Tokenizer.load(folder / "tokenizer.model")


def pieces_of(tokenizer: Tokenizer, text: str) -> list[str]:
    return [PIECES[number][0] for number in tokenizer.encode(text)]


@pytest.mark.parametrize("kind", [BPE, UNIGRAM])
def test_pieces_and_back(tmp_path: Path, kind: int) -> None:
    tokenizer = load(tmp_path, model(kind))
    assert pieces_of(tokenizer, "abc") == [f"{SPACE}abc"]
    assert pieces_of(tokenizer, "abc  d ") == [f"{SPACE}abc", SPACE, "d"]
    assert pieces_of(tokenizer, "z")[-1] == "<0x7A>"
    for text in ("abc abc d", "é z 東京"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.end_of_text == "</s>"
    assert tokenizer.end_of_text_id == 2


def test_control_pieces_in_a_text_are_text(tmp_path: Path) -> None:
    tokenizer = load(tmp_path, model())
    assert not {1, 2} & set(tokenizer.encode("a</s><s>"))
    assert pieces_of(tokenizer, "a<sep>b")[1] == "<sep>"
    bare = load(tmp_path, model(normalizer={DUMMY_PREFIX: 0}))
    assert bare.decode(bare.encode("a<sep>b")) == "a<sep>b"


def test_scores_decide_the_order_of_merges(tmp_path: Path) -> None:
    assert pieces_of(load(tmp_path, model(normalizer={DUMMY_PREFIX: 0})), "abc") == ["a", "bc"]
    better = [(text, -0.5 if text == "ab" else score, kind) for text, score, kind in PIECES]
    assert pieces_of(load(tmp_path, model(normalizer={DUMMY_PREFIX: 0}, pieces=better)), "abc") == ["ab", "c"]


def test_a_folder_with_a_model_is_loaded_and_saved_as_tokenizer_json(tmp_path: Path) -> None:
    tokenizer = load(tmp_path, model())
    found = Tokenizer.load(tmp_path)
    found.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    assert again.encode("abc é") == tokenizer.encode("abc é")
    assert (again.end_of_text, again.stop_ids) == ("</s>", frozenset({2}))


def test_two_models_in_a_folder_must_be_told_apart(tmp_path: Path) -> None:
    for name in ("a.model", "b.model"):
        (tmp_path / name).write_bytes(model())
    with pytest.raises(ModelFormatError, match=r"several tokenizers: a\.model, b\.model") as caught:
        Tokenizer.load(tmp_path)
    assert caught.value.hint == "name the file instead"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (model(kind=3), "it cuts text into whole words or characters"),
        (model(trainer={AS_SUFFIX: 1}), "spaces end a word there"),
        (model(normalizer={ESCAPE: 0}), "its spaces are not escaped"),
        (model(pieces=[*PIECES, ("ab", 0.0, NORMAL)]), "a piece stands twice"),
        (model(normalizer={CHARSMAP: b"\xff\xff\xff\xff12345"}), "normalisation table is damaged"),
        (
            model(normalizer={CHARSMAP: b"\x04\x00\x00\x00\x00\x00\x00\x00\xff\xfe"}),
            "normalisation table is damaged",
        ),
        (model(UNIGRAM, pieces=PIECES[1:]), "no unknown piece"),
        (b"", "not a SentencePiece model .it has no pieces"),
        (b"\x0a\xff", "not a SentencePiece model"),
        (b"\x0b\x01", "unknown wire type 3"),
        (b"\x08\x01", "a number where a message belongs"),
        (b"\x0a" + b"\xff" * 12, "a number without end"),
        (b"#version: 0.2\nt h\n", "not a SentencePiece model"),
        (model()[:1000], "it ends in the middle of a field"),
    ],
)
def test_what_is_not_supported_or_damaged_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelFormatError, match=reason) as caught:
        load(tmp_path, data)
    assert caught.value.where == str(tmp_path / "tokenizer.model")


def test_any_damage_is_refused_or_read_never_a_crash(tmp_path: Path) -> None:
    chance = random.Random(0)
    whole = model(normalizer={CHARSMAP: b"\x04\x00\x00\x00" + bytes(8)})
    for _ in range(300):
        data = bytearray(whole[: chance.randint(1, len(whole))] if chance.random() < 0.5 else whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            size, where = load(tmp_path, bytes(data)).vocab_size, None
        except ModelFormatError as error:
            size, where = 0, error.where
        assert size > 0 or where == str(tmp_path / "tokenizer.model")
