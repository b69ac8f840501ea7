"""A model without weights: what it finds likely is written out, so that every figure can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ontogeny.evaluate.runner import Source
from ontogeny.evaluate.subject import Advance, Reader, Subject, nothing
from ontogeny.tasks.multiple_choice import Prompt
from ontogeny.tasks.requests import Chat, Context, Generate, Loglikelihood, Rolling, Scored, Written


@dataclass
class FakeReader:
    """Costs `rate` bits a byte, and likes a continuation the more, the more of its words the prompt has."""

    rate: float = 2.0
    skill: float = 1.0
    context: int = 1_000
    calls: list[str] = field(default_factory=list)

    def bits(self, texts: Sequence[str], *, window: int | None, stride: int | None) -> list[float]:
        self.calls.append("bits")
        return [self.rate * len(text.encode()) + 0.1 * text.count("e") for text in texts]

    def logprobs(
        self, requests: Sequence[Loglikelihood | Rolling], *, advance: Advance = nothing
    ) -> list[Scored | None]:
        self.calls.append("logprobs")
        advance(len(requests))
        return [self._scored(request) for request in requests]

    def _scored(self, request: Loglikelihood | Rolling) -> Scored | None:
        if isinstance(request, Rolling):
            return Scored(-self.rate * len(request.text), False, len(request.text.split()))
        if len(request.continuation) >= self.context:
            return None
        chat = isinstance(request.context, Chat)
        text = request.context if isinstance(request.context, str) else request.context.turns[-1].content
        liking = self._liking(Prompt("chat" if chat else "plain", text), request.continuation)
        truncated = len(text) + len(request.continuation) > self.context
        return Scored(liking, liking > -5.0, len(request.continuation.split()), truncated)

    def alone(self, requests: Sequence[Loglikelihood]) -> list[Scored | None]:
        self.calls.append("alone")
        return [self._scored(request) for request in requests]

    def generate(self, requests: Sequence[Generate], *, advance: Advance = nothing) -> list[Written]:
        self.calls.append("generate")
        return [
            Written(f" {len(str(request.context))} {request.seed % 10}", "stop", 2, 0.5)
            for request in requests
        ]

    def choice_logprobs(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        self.calls.append("logprobs")
        return [self._liking(prompt, continuation) for prompt, continuation in pairs]

    def _liking(self, prompt: Prompt, continuation: str) -> float:
        skill = self.skill * (1.0 if prompt.form == "chat" else 0.5)
        words = set(prompt.text.split())
        shared = sum(word in words for word in continuation.split())
        noise = sum(continuation.encode()) % 7 / 3
        return skill * shared - noise - 5.0

    def is_truncated(self, prompt: Prompt, continuation: str) -> bool:
        return len(prompt.text) + len(continuation) > self.context

    def fits(self, continuation: str) -> bool:
        return len(continuation) < self.context

    def write(
        self, prompt: Prompt, *, max_new_tokens: int, temperature: float, top_p: float, seed: int
    ) -> Written:
        self.calls.append("write")
        return Written(f"{prompt.form}: {prompt.text[::-1]}"[:max_new_tokens], "stop")


@dataclass(frozen=True)
class FakeSubject(Subject):
    """A subject whose weights are a `FakeReader`."""

    reader: FakeReader = field(default_factory=FakeReader)

    def written_out(self, context: Context) -> str:
        return context if isinstance(context, str) else f"<user>{context.turns[-1].content}<assistant>"

    def load(self, device: str) -> Reader:
        self.reader.calls.append("load")
        return self.reader


def subject(name: str, reader: FakeReader | None = None, *, conversational: bool = True) -> FakeSubject:
    digest = f"blake3:{name}"
    return FakeSubject(name, Path("nowhere"), digest, True, conversational, reader=reader or FakeReader())


def document(place: int, split: str, **content: Any) -> dict[str, Any]:
    return {
        "doc_id": f"{place * 7919 % 1000:032d}", "group": f"module{place // 2}", "split": split, "source": "s",
        "locator": f"file:{place}", **content,
    }  # fmt: skip


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "part-00000.parquet")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Source:
    """40 documents, half of them held out."""
    rows = [
        document(
            place,
            "held_out" if place % 4 < 2 else "train",
            text=f"Document {place} tells of {place * 'e '}things.",
        )
        for place in range(40)
    ]
    return Source(write_rows(tmp_path / "corpus", rows), "r/corpus@1", "blake3:corpus")


@pytest.fixture
def choices(tmp_path: Path) -> Source:
    """24 held-out questions of 3 choices whose right one repeats a word of the question, and 6 to train on."""
    rows = [
        document(
            place,
            "held_out" if place < 24 else "train",
            prompt=f"What does word{place} mean?",
            context=f"About word{place} mean: ",
            choices=[
                f"It is word{(place + (offset + place) % 3 * 5) % 30} in short{place % 7 * '!'}"
                for offset in range(3)
            ],
            gold=(-place) % 3,
        )
        for place in range(30)
    ]
    return Source(write_rows(tmp_path / "choices", rows), "r/choices@1", "blake3:choices")


@pytest.fixture
def questions(tmp_path: Path) -> Source:
    """Conversations, 6 of them held out."""
    rows = [
        document(
            place,
            "held_out" if place < 6 else "train",
            messages=[
                {"role": "user", "content": f"Question {place}?"},
                {"role": "assistant", "content": f"Answer {place}."},
            ],
        )
        for place in range(10)
    ]
    return Source(write_rows(tmp_path / "questions", rows), "r/questions@1", "blake3:questions")


@pytest.fixture
def empty(tmp_path: Path) -> Callable[[Source], Source]:
    """The same data without anything held out."""

    def strip(source: Source) -> Source:
        rows = pq.read_table(source.folder / "part-00000.parquet").to_pylist()
        kept = [row for row in rows if row["split"] == "train"]
        return Source(write_rows(tmp_path / "stripped", kept), source.name, source.digest)

    return strip
