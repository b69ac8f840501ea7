"""What a model was asked once is not asked again: answers by the model's digest and the request's.

`KeptAnswers` stands before a `Reader`. A second evaluation, one more metric, a larger limit compute only what no
earlier one had to, and what a killed one had finished stays finished. Answers come back equal to what was computed:
floats are written so that they are read back the same. The weights are read when something is asked that nobody knows.

They lie in one SQLite file in the workspace's cache, which several processes may use at once and `ontogeny store gc`
removes; beyond `MAX_BYTES` those that were written first make room.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import digest_json
from ontogeny.evaluate.subject import Advance, Reader, nothing
from ontogeny.tasks.multiple_choice import Prompt
from ontogeny.tasks.requests import Generate, Loglikelihood, Rolling, Scored, Written

READING = 2
"""How requests become tokens and numbers; one more where the same request would get another answer."""
FOLDER, FILE = "answers", "answers.db"
MAX_BYTES = 512 * 2**20
"""Of the file: some three million log-probabilities."""
AT_ONCE = 1024
"""Requests computed before they are written: what a kill can cost."""
WRITTEN_AT_ONCE = 128
"""The same of answers that are written: a few batches, so that answers of like length come together."""
ASKED_AT_ONCE = 500  # below SQLite's limit of variables in a statement
BUSY_S = 60.0
TABLE = "CREATE TABLE IF NOT EXISTS answers (place INTEGER PRIMARY KEY, request TEXT UNIQUE, answer TEXT NOT NULL)"

Q = TypeVar("Q")


class Answers:
    """Answers by the digests of requests, in a file that is made when the first is written."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._path = folder / FOLDER / f"v{READING}" / FILE
        self._max_bytes = max_bytes

    def get(self, requests: Sequence[str]) -> dict[str, Any]:
        """Those of `requests` that are known."""
        if not self._path.exists():
            return {}
        found: dict[str, Any] = {}
        with self._open() as connection:
            for begin in range(0, len(requests), ASKED_AT_ONCE):
                part = requests[begin : begin + ASKED_AT_ONCE]
                marks = ", ".join("?" * len(part))
                rows = connection.execute(
                    f"SELECT request, answer FROM answers WHERE request IN ({marks})", part
                )
                found |= {request: json.loads(answer) for request, answer in rows}
        return found

    def put(self, answers: Mapping[str, Any]) -> None:
        """Keep them, all or none; what is known already stays."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        rows = [(request, json.dumps(answer)) for request, answer in answers.items()]
        with self._open() as connection:
            if self._path.stat().st_size > self._max_bytes:
                connection.execute(
                    "DELETE FROM answers WHERE place <= (SELECT (min(place) + max(place)) / 2 FROM answers)"
                )
            connection.executemany("INSERT OR IGNORE INTO answers (request, answer) VALUES (?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction.

        Raises:
            ArtifactError: the file cannot be read or written.
        """
        try:
            connection = self._connected()
            try:
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise ArtifactError(
                f"answers cannot be kept ({error})", where=str(self._path),
                hint="free space, or remove the folder: it is only a cache",
            ) from error  # fmt: skip

    def _connected(self) -> sqlite3.Connection:
        """The file, open; one that is damaged is begun anew, for all it holds can be computed."""
        connection = sqlite3.connect(self._path, timeout=BUSY_S)
        try:
            connection.execute(TABLE)
        except sqlite3.DatabaseError as error:
            connection.close()
            if isinstance(error, sqlite3.OperationalError):  # busy, full, read-only: not the file's fault
                raise
            self._path.unlink(missing_ok=True)
            connection = sqlite3.connect(self._path, timeout=BUSY_S)
            connection.execute(TABLE)
        return connection


class KeptAnswers:
    """A `Reader` that asks another only what is not known of the model `digest` on `device`.

    Without `answers` it asks everything.
    """

    def __init__(
        self, load: Callable[[], Reader], answers: Answers | None, *, digest: str, device: str
    ) -> None:
        self._load, self._answers = load, answers
        self.recalled = 0
        """Answers that were known: what took no time."""
        self.loading_seconds = 0.0
        """What it took to read the weights, once something was unknown."""
        self._model = {
            "model": digest, "device": device, "reading": READING, "torch": version("torch"),
            "ontogeny": version("ontogeny"),
        }  # fmt: skip

    @cached_property
    def _reader(self) -> Reader:
        began = time.perf_counter()
        reader = self._load()
        self.loading_seconds = time.perf_counter() - began
        return reader

    def bits(self, texts: Sequence[str], *, window: int | None, stride: int | None) -> list[float]:
        """As `Reader`."""
        return self._asked(
            {"bits": [window, stride]},
            texts,
            lambda some: self._reader.bits(some, window=window, stride=stride),
        )

    def logprobs(
        self, requests: Sequence[Loglikelihood | Rolling], *, advance: Advance = nothing
    ) -> list[Scored | None]:
        """As `Reader`."""
        found = self._asked(
            {"logprobs": None}, requests,
            lambda some: [_plain(one) for one in self._reader.logprobs(some, advance=advance)],
            advance=advance,
        )  # fmt: skip
        return [None if one is None else Scored(**one) for one in found]

    def alone(self, requests: Sequence[Loglikelihood]) -> list[Scored | None]:
        """As `Reader`."""
        found = self._asked(
            {"alone": None}, requests, lambda some: [_plain(one) for one in self._reader.alone(some)]
        )
        return [None if one is None else Scored(**one) for one in found]

    def generate(self, requests: Sequence[Generate], *, advance: Advance = nothing) -> list[Written]:
        """As `Reader`; `seconds` are those of the time when it was written."""
        found = self._asked(
            {"generate": None}, requests,
            lambda some: [asdict(one) for one in self._reader.generate(some, advance=advance)],
            advance=advance, at_once=WRITTEN_AT_ONCE,
        )  # fmt: skip
        return [Written(**one) for one in found]

    def choice_logprobs(self, pairs: Sequence[tuple[Prompt, str]]) -> list[float]:
        """As `Reader`."""
        return self._asked({"choices": None}, pairs, lambda some: self._reader.choice_logprobs(some))

    def is_truncated(self, prompt: Prompt, continuation: str) -> bool:
        """As `Reader`."""
        return self._reader.is_truncated(prompt, continuation)

    def fits(self, continuation: str) -> bool:
        """As `Reader`."""
        return self._reader.fits(continuation)

    def write(
        self, prompt: Prompt, *, max_new_tokens: int, temperature: float, top_p: float, seed: int
    ) -> Written:
        """As `Reader`."""
        about = {"write": [max_new_tokens, temperature, top_p, seed]}
        (found,) = self._asked(
            about, [prompt],
            lambda some: [
                asdict(
                    self._reader.write(
                        one, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed
                    )
                )
                for one in some
            ],
        )  # fmt: skip
        return Written(**found)

    def _asked(
        self,
        kind: Mapping[str, Any],
        requests: Sequence[Q],
        ask: Callable[[Sequence[Q]], Sequence[Any]],
        *,
        advance: Advance = nothing,
        at_once: int | None = None,
    ) -> list[Any]:
        """The answer to each: those known, and what `ask` says of the others, which is kept."""
        if self._answers is None:
            return list(ask(requests))
        about = digest_json({**self._model, **kind})
        keys = [digest_json([about, _plain(request)]) for request in requests]
        known = self._answers.get(keys)
        recalled = sum(key in known for key in keys)
        self.recalled += recalled
        advance(recalled)
        unknown = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
        left = list(unknown)
        step = at_once or AT_ONCE
        for begin in range(0, len(left), step):
            part = left[begin : begin + step]
            fresh = dict(zip(part, ask([unknown[key] for key in part]), strict=True))
            self._answers.put(fresh)
            known |= fresh
        return [known[key] for key in keys]


def _plain(value: Any) -> Any:
    """Data classes as what JSON can say, their kind told."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    return value
