"""What was answered once is not computed again, and comes back as it was."""

from __future__ import annotations

import math
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import ArtifactError
from ontogeny.evaluate import kept_answers
from ontogeny.evaluate.kept_answers import Answers, KeptAnswers
from ontogeny.tasks.multiple_choice import Prompt
from ontogeny.tasks.requests import Chat, Generate, Loglikelihood, Rolling, Turn
from tests.evaluate.conftest import FakeReader

PAIRS = [Loglikelihood("a b", " b"), Loglikelihood("a", " b"), Loglikelihood(Chat((Turn("user", "a"),)), "b")]
REQUESTS = [*PAIRS, Rolling("a b"), Loglikelihood("", "x" * 2_000)]


@pytest.fixture
def fake() -> FakeReader:
    return FakeReader()


def kept(fake: FakeReader, folder: Path | None, **changes: str) -> KeptAnswers:
    def load() -> FakeReader:
        fake.calls.append("load")
        return fake

    about = {"digest": "blake3:m", "device": "cpu"} | changes
    return KeptAnswers(load, None if folder is None else Answers(folder), **about)


def test_what_is_known_is_not_asked_and_the_weights_stay_unread(fake: FakeReader, tmp_path: Path) -> None:
    first = kept(fake, tmp_path).logprobs(REQUESTS)
    assert first == FakeReader().logprobs(REQUESTS) and first[-1] is None
    assert fake.calls == ["load", "logprobs"]
    again = kept(fake, tmp_path)
    assert again.logprobs(REQUESTS) == first
    assert fake.calls == ["load", "logprobs"]
    assert again.recalled == len(REQUESTS) and again.loading_seconds == 0


def test_only_what_is_new_is_asked(tmp_path: Path) -> None:
    asked: list[Any] = []

    class Counting(FakeReader):
        def logprobs(self, requests: Any, *, advance: Any = None) -> Any:
            asked.append(list(requests))
            return super().logprobs(requests)

    kept(Counting(), tmp_path).logprobs(REQUESTS[:2])
    found = kept(Counting(), tmp_path).logprobs([*REQUESTS, REQUESTS[2]])
    assert asked == [REQUESTS[:2], REQUESTS[2:]]
    assert found == FakeReader().logprobs([*REQUESTS, REQUESTS[2]])


@pytest.mark.parametrize("change", [{"digest": "blake3:other"}, {"device": "cuda"}])
def test_another_model_or_device_answers_for_itself(
    fake: FakeReader, tmp_path: Path, change: dict[str, str]
) -> None:
    kept(fake, tmp_path).logprobs(REQUESTS)
    other = kept(fake, tmp_path, **change)
    other.logprobs(REQUESTS)
    assert other.recalled == 0 and fake.calls.count("logprobs") == 2


def test_everything_a_reader_is_asked_comes_back_the_same(fake: FakeReader, tmp_path: Path) -> None:
    generations = [Generate("a", (), 4), Generate("a", (), 4, 1.0, seed=3), Generate("a", ("\n",), 4)]
    prompt = Prompt("plain", "a b")
    for _ in range(2):
        reader = kept(fake, tmp_path)
        assert reader.generate(generations) == fake.generate(generations)
        assert reader.bits(["ab", "e"], window=None, stride=None) == [4.0, 2.1]
        assert reader.choice_logprobs([(prompt, " b")]) == fake.choice_logprobs([(prompt, " b")])
        written = reader.write(prompt, max_new_tokens=4, temperature=0.0, top_p=1.0, seed=0)
        assert written == fake.write(prompt, max_new_tokens=4, temperature=0.0, top_p=1.0, seed=0)
        assert reader.fits("a") and not reader.is_truncated(prompt, "a")
    assert reader.recalled == len(generations) + 4


def test_a_request_has_the_answer_of_its_own_settings(fake: FakeReader, tmp_path: Path) -> None:
    reader = kept(fake, tmp_path)
    request = Generate("a", (), 4, 1.0)
    reader.generate([request])
    for other in (
        replace(request, seed=1),
        replace(request, temperature=0.5),
        replace(request, until=("b",)),
    ):
        reader.generate([other])
    reader.bits(["a"], window=8, stride=None)
    reader.bits(["a"], window=8, stride=4)
    assert reader.recalled == 0


def test_without_a_place_everything_is_asked(fake: FakeReader) -> None:
    reader = kept(fake, None)
    assert reader.logprobs(PAIRS) == reader.logprobs(PAIRS)
    assert fake.calls == ["load", "logprobs", "logprobs"] and reader.recalled == 0


def test_what_was_done_before_a_kill_stays_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "AT_ONCE", 2)
    asked = [Loglikelihood("a", f" {number}") for number in range(5)]

    class Killed(FakeReader):
        def logprobs(self, requests: Any, *, advance: Any = None) -> Any:
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().logprobs(requests)

    with pytest.raises(KeyboardInterrupt):
        kept(Killed(), tmp_path).logprobs(asked)
    reader = kept(FakeReader(), tmp_path)
    assert reader.logprobs(asked) == FakeReader().logprobs(asked)
    assert reader.recalled == 2, "what the first two requests cost is not lost"


def test_progress_counts_what_was_known_too(fake: FakeReader, tmp_path: Path) -> None:
    kept(fake, tmp_path).logprobs(PAIRS[:1])
    told: list[float] = []
    kept(fake, tmp_path).logprobs(PAIRS, advance=told.append)
    assert sum(told) == len(PAIRS)


@pytest.mark.parametrize("value", [0.1 + 0.2, -1e-300, 5e-324, math.pi * 1e17, -math.inf])
def test_floats_come_back_bit_by_bit(tmp_path: Path, value: float) -> None:
    Answers(tmp_path).put({"a": [value]})
    assert Answers(tmp_path).get(["a", "b"]) == {"a": [value]}


def test_what_is_known_stays_as_it_was(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    answers.put({"a": 1})
    answers.put({"a": 2, "b": 3})
    assert answers.get(["a", "b"]) == {"a": 1, "b": 3}


def test_more_requests_than_a_statement_takes(tmp_path: Path) -> None:
    many = {str(number): number for number in range(1_234)}
    Answers(tmp_path).put(many)
    assert Answers(tmp_path).get(list(many)) == many


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    def write(writer: int) -> None:
        for number in range(10):
            Answers(tmp_path).put({f"{writer}-{number}": number, "shared": 0})

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert len(Answers(tmp_path).get([f"{w}-{n}" for w in range(4) for n in range(10)])) == 40


def test_beyond_its_size_the_oldest_make_room(tmp_path: Path) -> None:
    answers = Answers(tmp_path, max_bytes=100_000)
    for number in range(60):
        answers.put({f"{number}-{part}": "x" * 100 for part in range(30)})
    (file,) = tmp_path.rglob("*.db")
    assert file.stat().st_size < 300_000
    assert answers.get(["59-0"]) and not answers.get(["0-0"])


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    answers.put({"a": 1})
    (file,) = tmp_path.rglob("*.db")
    file.write_bytes(b"not a database, for long enough to tell" * 40)
    assert answers.get(["a"]) == {}
    answers.put({"a": 1})
    assert answers.get(["a"]) == {"a": 1}


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(ArtifactError, match="answers cannot be kept"):
        Answers(tmp_path).put({"a": 1})
