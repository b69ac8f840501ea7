"""What a recipe says about the removal of copies."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ontogeny.lineage.step import Ref


class SourceGuard(BaseModel):
    """What is an alarm: copies take more than `max_source_loss` of a source of at least `min_source_documents`.

    Copies of any kind count, of the documents that rules left. `on_alarm: report` says so and goes on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_source_loss: float | None = Field(0.5, gt=0, lt=1)
    """Part of a source's documents that copies may take before it is an alarm. None: any."""
    min_source_documents: int = Field(20, ge=1)
    """Documents from which on a source is looked at: of a few, one copy is a large part."""
    on_alarm: Literal["stop", "report"] = "stop"
    """Whether an alarm stops the step, or is said and the step goes on."""


class Removal(SourceGuard):
    """Copies of what, beside each other: of the documents of corpora made before, too.

    These stay where they are and are not written again, and a document goes for one of them whatever else could stay
    for it. Such copies are no alarm: they are what was asked for.
    """

    against: tuple[Annotated[str, Ref("corpus", only_decides=True)], ...] = ()
    """Corpora made before, by the name of a step or as `recipe/step@2`: copies of their documents go too."""

    @field_validator("against", mode="before")
    @classmethod
    def _a_name_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("against")
    @classmethod
    def _each_is_named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the corpus {name!r} is named twice: name it once")
        return names


class ExactDedup(Removal):
    """Documents that are equal after normalisation: the one with the smallest id stays."""

    type: Literal["exact"] = "exact"


class NearDedup(Removal):
    """Near copies and contained documents: proposed by hashes, removed only when their words bear it out.

    A document goes when a better copy stays that it was itself compared with, and when either

    - the Jaccard similarity of their sets of shingles is at least `jaccard`, or
    - it has at least `min_contained_words` words, of which `containment` or more stand in shingles of the copy too,

    and it has no passage of more than `max_own_words` words in a row that the copy lacks: pages of one template, or
    books under one licence text, say something of their own and stay.

    Shingles of `n_gram` words and `bands` of `rows` hashes are datatrove's 5, 14 and 8 (v0.10, FineWeb: Penedo et al.
    2024, section 3.4). `jaccard` is the usual 0.8 (Lee et al. 2022, section 4.2). With a tenth of the words
    edited, the Jaccard similarity of 5-grams is 0.4, but 0.8 of the words still stand in shared shingles; 0.2 do with
    40% edited. `max_own_words` is the length from which a repeated passage counts as one (50 tokens, Lee et al. 2022,
    section 4.1).
    Short pages of one template differ in a few words that matter, so they need the Jaccard similarity. None switches
    containment, or the look at own passages, off.

    One in `sample_every` shingles is kept to find documents inside longer ones.

    `keep` says which copy is the best: the longest, the first in the order of digests, or the one with the highest
    `score`, a column of the documents' signals. Ties go to the longest, then to the smallest digest.

    Numbers with other digits are other words: tables and sums in one wording are not copies.

    A source that loses too much, or a cluster of more than `max_cluster_documents`, is an alarm: at Marin, unverified
    removal took a median 76% of each source and put 51,160 unrelated books into one cluster
    (marin-community/marin#6854). `on_alarm: report` goes on.
    """

    type: Literal["near"] = "near"
    n_gram: int = Field(5, ge=1, le=64)
    bands: int = Field(14, ge=1, le=256)
    rows: int = Field(8, ge=1, le=64)
    jaccard: float = Field(0.8, gt=0, le=1)
    containment: float | None = Field(0.75, gt=0.5, le=1)
    min_contained_words: int = Field(100, ge=1)
    max_own_words: int | None = Field(50, ge=1)
    sample_every: int = Field(8, ge=2)
    keep: Literal["longest", "first", "score"] = "longest"
    score: str | None = None
    max_cluster_documents: int | None = Field(10_000, ge=2)

    @model_validator(mode="after")
    def _score_is_named(self) -> NearDedup:
        if self.keep == "score" and self.score is None:
            raise ValueError("keep: score needs the name of a column: give score")
        if self.keep != "score" and self.score is not None:
            raise ValueError(
                f"score {self.score!r} has no effect with keep: {self.keep}; write keep: score, or leave score out"
            )
        return self


def _spelled_out(value: Any) -> Any:
    """`near` for `{type: near}`, and `none` for null."""
    if value is None or value == "none":
        return None
    if isinstance(value, (dict, SourceGuard)):
        return value
    if value not in ("exact", "near"):
        raise ValueError("write exact, near or none, or {type: near, ...} with settings")
    return {"type": value}


Dedup: TypeAlias = Annotated[
    Annotated[ExactDedup | NearDedup, Field(discriminator="type")] | None, BeforeValidator(_spelled_out)
]
"""What a recipe may write under `dedup`: `exact`, `near`, `none`, or a mapping with the `type` and settings."""
