import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models
from transformers import AutoTokenizer

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.tokenizer.byte_level import BYTE_CHARACTERS
from ontogeny.tokenizer.chat import encode_prompt
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.config import SPECIAL_TOKENS
from ontogeny.tokenizer.post_processor import begun_with
from tests.tokenizer.conftest import TEXTS


@given(text=st.text())
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(text=st.lists(st.sampled_from([*SPECIAL_TOKENS, "a", "\n", " ", "é"])).map("".join))
def test_special_tokens_in_a_text_are_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert not set(ids) & set(tokenizer.special_ids.values())
    assert tokenizer.decode(ids) == text


@given(text=st.text())
def test_streaming_gives_the_same_text_in_whole_characters(tokenizer: Tokenizer, text: str) -> None:
    decoder = tokenizer.stream_decoder()
    pieces = [decoder.push(token) for token in tokenizer.encode(text)] + [decoder.flush()]
    assert "".join(pieces) == text


def test_bytes_that_never_become_a_character_are_given_out_at_the_end(tokenizer: Tokenizer) -> None:
    first = tokenizer.encode("🙂")[0]
    decoder = tokenizer.stream_decoder()
    assert decoder.push(first) == ""
    assert decoder.flush() == "\N{REPLACEMENT CHARACTER}"


def test_spaces_that_depend_on_what_stands_before_are_streamed() -> None:
    bpe = tokenizers.Tokenizer(models.WordLevel({"\u2581a": 0, "\u2581b": 1, "c": 2, "?": 3}, unk_token="?"))
    bpe.decoder = decoders.Metaspace()
    other = Tokenizer(bpe, None)
    decoder = other.stream_decoder()
    pieces = [decoder.push(token) for token in (0, 2, 1, 1)]
    assert "".join(pieces) == other.decode([0, 2, 1, 1]) == "ac b b"


def test_batches_and_offsets_agree_with_single_texts(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode_batch(TEXTS) == [tokenizer.encode(text) for text in TEXTS]
    for text in TEXTS:
        ids, offsets = tokenizer.encode_with_offsets(text)
        assert ids == tokenizer.encode(text)
        assert offsets[0][0] == 0
        assert offsets[-1][1] == len(text)


def test_text_that_is_not_unicode_is_refused(tokenizer: Tokenizer) -> None:
    broken = "caf\udce9"
    ways = (tokenizer.encode, tokenizer.encode_with_offsets, lambda text: tokenizer.encode_batch(["a", text]))
    for encode in ways:
        with pytest.raises(UsageError, match="the text is not valid Unicode") as caught:
            encode(broken)
        assert caught.value.where == "character 4"
        assert "UTF-8" in str(caught.value.hint)


def test_what_was_saved_is_loaded(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
    assert loaded.chat_template == tokenizer.chat_template
    assert loaded.stop_ids == tokenizer.stop_ids
    assert loaded.special_ids == {token: number for number, token in enumerate(SPECIAL_TOKENS)}
    loaded.save(tmp_path / "..")
    assert (tmp_path / ".." / "tokenizer.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_a_template_in_a_file_of_its_own_is_read(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert Tokenizer.load(tmp_path).chat_template == "{{ messages[0].content }}"


def test_what_begins_a_text_is_read_and_written_again(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    assert Tokenizer.load(tmp_path).begin_of_text == ""
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config |= {"bos_token": SPECIAL_TOKENS[1], "chat_template": "{{ bos_token }}{{ messages[0].content }}"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    loaded = Tokenizer.load(tmp_path)
    (tmp_path / "again").mkdir()
    loaded.save(tmp_path / "again")
    for each in (loaded, Tokenizer.load(tmp_path / "again")):
        assert encode_prompt(each, [{"role": "user", "content": "Hi"}]) == [1, *tokenizer.encode("Hi")]


@pytest.mark.parametrize("ends", [1, [1, 2]])
def test_a_model_says_which_tokens_end_its_answers(
    tokenizer: Tokenizer, tmp_path: Path, ends: int | list[int]
) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    wanted = {ends} if isinstance(ends, int) else set(ends)
    assert Tokenizer.load(tmp_path).stop_ids == tokenizer.stop_ids | wanted


def test_a_missing_or_broken_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="tokenizer is missing"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFormatError, match="not a tokenizer") as caught:
        Tokenizer.load(tmp_path)
    assert caught.value.where == str(tmp_path / "tokenizer.json")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer_config.json", b"[]", "not a JSON object"),
        ("tokenizer_config.json", b"{", "not JSON: .*line 1 column 2"),
        ("tokenizer_config.json", b"[" * 100_000, "nested too deeply"),
        ("generation_config.json", b"[]", "not a JSON object"),
        ("chat_template.jinja", b"\xff\xfe", "not a text in UTF-8"),
    ],
)
def test_a_broken_file_beside_the_tokenizer_is_named(
    tokenizer: Tokenizer, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFormatError, match=message) as caught:
        Tokenizer.load(tmp_path)
    assert caught.value.where == str(tmp_path / name)
    assert caught.value.hint == "the file is damaged: fetch it again"


@pytest.mark.parametrize("ends", [[99999999999999], [-1], True, "x", [None, {}], 1e3])
def test_what_is_no_id_ends_no_answer(tokenizer: Tokenizer, tmp_path: Path, ends: object) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    assert Tokenizer.load(tmp_path).stop_ids == tokenizer.stop_ids


def test_an_unknown_special_token_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelFormatError, match="no token '<bos>'"):
        tokenizer.special_id("<bos>")


def other_family(folder: Path, *, template: bool, config: dict[str, object]) -> Tokenizer:
    """A tokenizer of words with `<s>` and `</s>`, read from a folder."""
    vocab = {"<s>": 0, "</s>": 1, "a": 2, "?": 3}
    bpe = tokenizers.Tokenizer(models.WordLevel(vocab, unk_token="?"))
    bpe.add_special_tokens(["<s>", "</s>"])
    if template:
        bpe.post_processor = begun_with("<s>", 0)
    folder.mkdir(exist_ok=True)
    bpe.save(str(folder / "tokenizer.json"))
    said = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": "{{ bos_token }}a", **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return Tokenizer.load(folder)


@pytest.mark.parametrize("config", [{}, {"add_bos_token": True}, {"add_bos_token": False}])
@pytest.mark.parametrize("template", [True, False])
def test_a_text_begins_as_its_tokenizer_says(
    template: bool, config: dict[str, object], tmp_path: Path
) -> None:
    """The template of tokenizer.json holds, whatever stands beside it: as transformers has it."""
    found = other_family(tmp_path / "one", template=template, config=config)
    theirs = AutoTokenizer.from_pretrained(tmp_path / "one")
    begin = [0] if template else []
    assert found.adds_begin is template
    assert found.encode("a") == [2]
    assert found.encode_default("a") == found.encode_plain_prompt("a") == theirs.encode("a") == [*begin, 2]
    assert found.encode_default("") == begin
    assert found.encode_plain_prompt("") == [found.start_id] == [0 if template else 1]
    found.save(tmp_path / "one")
    assert Tokenizer.load(tmp_path / "one").encode_default("a") == [*begin, 2]
    assert AutoTokenizer.from_pretrained(tmp_path / "one").encode("a") == [*begin, 2]


def test_without_a_begin_of_text_there_is_none_to_add(tmp_path: Path) -> None:
    assert not other_family(tmp_path / "one", template=True, config={"bos_token": None}).adds_begin


@pytest.mark.parametrize("adds", [True, False])
def test_formats_without_a_template_ask_in_the_configuration(adds: bool, tmp_path: Path) -> None:
    vocab = {character: number for number, character in enumerate(BYTE_CHARACTERS)}
    (tmp_path / "vocab.json").write_text(json.dumps({**vocab, "<s>": 256, "</s>": 257}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    said = {
        "tokenizer_class": "GPT2Tokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "add_bos_token": adds,
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    found = Tokenizer.load(tmp_path)
    text = found.encode("a")
    assert found.encode_default("a") == [256, *text][not adds :]
    (tmp_path / "saved").mkdir()
    found.save(tmp_path / "saved")
    assert AutoTokenizer.from_pretrained(tmp_path / "saved").encode("a") == found.encode_default("a")


def test_a_chat_template_that_begins_the_text_is_all_that_does(tmp_path: Path) -> None:
    found = other_family(tmp_path / "one", template=True, config={})
    assert encode_prompt(found, [{"role": "user", "content": "a"}]) == [0, 2]


def test_our_own_tokenizers_begin_nothing(tokenizer: Tokenizer) -> None:
    assert not tokenizer.adds_begin
    assert tokenizer.encode_default("a") == tokenizer.encode("a")
    assert tokenizer.encode_plain_prompt("") == [tokenizer.end_of_text_id]
