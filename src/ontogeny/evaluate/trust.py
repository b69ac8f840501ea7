"""How far a figure can be trusted: whether its items were seen in training, and what order and wording do to it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ontogeny.statistics.intervals import wilson

COINS_AGREE = 0.5


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spotted(_Record):
    """An item as it stands in a document that the model learnt from.

    `share` of the item's word trigrams stand together at one place, whose `words` are shown; `answer`: a right answer
    stands near. `verdict` is `contaminated`, or `context_only` where only the passage that is asked about is there.
    """

    artifact: str
    document: str
    source: str
    verdict: str
    share: float
    answer: bool
    words: str


class SearchedText(_Record):
    """A corpus, or examples, that was searched: its training documents, and the bytes of their text."""

    name: str
    digest: str
    documents: int
    bytes: int


class Contamination(_Record):
    """What of a suite's items a model has learnt from.

    Of `items`, `contaminated` were met with their questions and `passage_only` with nothing but the passage; `untold`
    have questions too short to be told from chance: they are neither contaminated nor clean. `unsearched` says what of
    its training was not searched, and why.
    """

    suite: str
    model: str
    items: int
    contaminated: int
    passage_only: int
    untold: int
    searched: tuple[SearchedText, ...] = ()
    unsearched: tuple[str, ...] = ()

    @property
    def tellable(self) -> int:
        """Items that can be told to be contaminated, or clean."""
        return self.items - self.untold

    @property
    def share(self) -> float | None:
        """Of contaminated items among those that can be told; None where there is none, or nothing was searched."""
        return self.contaminated / self.tellable if self.searched and self.tellable else None


class OrderEffects(_Record):
    """What the order of lettered choices does, from every item in every rotation of its choices.

    `accuracy` is by rotation, the order of the task first. `all_right`: items answered rightly in all rotations
    (CircularEval of MMBench, arXiv 2307.06281). `same_answer`: items for which one and the same choice was
    taken in all. `letters`: how often each letter was taken, where each is right equally often.
    """

    accuracy: tuple[float, ...]
    all_right: float
    same_answer: float
    letters: dict[str, float]
    items: int


class Judged(_Record):
    """What a judge made of two models' answers.

    `pairs` were read in both orders, `equal` ones were the same text and ties unread, `unread` ones did not fit into
    the judge's context. On `agreed` pairs the verdict was the same in both orders. `first`: how often what stood first
    was preferred, of both orders. `longer`: how often the longer answer was, of pairs with one verdict.
    """

    judge: str
    digest: str
    criterion: str
    pairs: int
    equal: int
    unread: int
    agreed: int
    first: float | None
    longer: float | None

    @property
    def goes_by_place(self) -> bool:
        """Whether its verdict turned with the order at least as often as that of two coins would."""
        return self.pairs > 0 and self.agreed <= COINS_AGREE * self.pairs

    @property
    def is_unsure(self) -> bool:
        """Whether it did not surely give the same verdict in both orders more often than two coins would."""
        return self.pairs > 0 and wilson(self.agreed, self.pairs).low <= COINS_AGREE


class Phrasing(_Record):
    """The primary metric of a suite with one wording of its question."""

    prompt: str
    value: float
    stderr: float | None


class Phrasings(_Record):
    """The primary metric with several wordings, the task's own first: only that one counts."""

    metric: str
    phrasings: tuple[Phrasing, ...]
    least: float
    most: float
    deviation: float
    """Standard deviation between wordings, of the sample."""
