"""Settings of the step `examples`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ontogeny.data.document import HELD_OUT_FRACTION
from ontogeny.data.examples import ExampleSource, LabelledFiles, Part, Task, spelled_out
from ontogeny.lineage.step import StepConfig
from ontogeny.records.accounting import MAX_BAD_FRACTION

TEST_FRACTION = 0.2
"""Four fifths to learn from are the custom; of a thousand examples, accuracy is then known to a few points."""


def _as_label(value: object) -> object:
    """A name of a class as a recipe writes it: whole numbers stand for their text, as in rows."""
    if isinstance(value, bool):
        raise ValueError(f"YAML reads this word as {str(value).lower()}: put it in quotes to mean a label")
    return str(value) if isinstance(value, int | float) else value


Label = Annotated[str, BeforeValidator(_as_label), Field(min_length=1)]


class ExamplesConfig(StepConfig):
    """Settings of `examples`."""

    step: Literal["examples"] = "examples"

    source: Annotated[tuple[ExampleSource, ...], BeforeValidator(spelled_out), Field(min_length=1)]
    """Where the labelled rows come from: `{path: ...}`, `{train: ..., validation: ..., test: ...}`, or a list of the
    first."""

    task: Task
    """What is learnt from a row: to answer, to sort, or to choose."""

    labels: tuple[Label, ...] | None = None
    """`classify`: the labels there are, in this order; rows with others are left out. None: those that are found, in
    the order of the alphabet, or of their numbers."""

    label_separator: Annotated[str, Field(min_length=1)] | None = None
    """`classify`: what stands between the labels of a row that may have several, none included."""

    label_until: Annotated[str, Field(min_length=1)] | None = None
    """`classify`: what ends a label, where more follows that does not count: `:` makes `DESC` of `DESC:manner`."""

    corrections: Path | None = None
    """`classify`: a file of `doc_id` and `label`, such as the `label_errors.csv` of a classifier, gone over by hand:
    these labels count, and not those of the rows."""

    test_fraction: Annotated[float, Field(ge=0, lt=1)] | None = None
    """`classify`: part of the groups that is looked at once, after training. None: a fifth, where no source is for
    testing."""

    held_out_fraction: float = Field(HELD_OUT_FRACTION, ge=0, le=1)
    """Part of the groups that is never trained on; that of the corpus, where both come from one place. Of `classify`
    it is a part of those that are not for testing."""

    leaks: Literal["drop", "keep"] = "drop"
    """What becomes of rows to learn from that stand in the test or held-out part too."""

    max_bad_fraction: float = Field(MAX_BAD_FRACTION, ge=0, le=1)
    """Part of the rows that may be unreadable before the step fails."""

    @property
    def test_share(self) -> float:
        """Part of the groups of `train` that is for testing."""
        if self.task != "classify" or "test" in self.part_of_source.values():
            return 0.0
        return TEST_FRACTION if self.test_fraction is None else self.test_fraction

    @property
    def shares_the_split(self) -> bool:
        """Whether its held-out groups are those that a corpus with the same `held_out_fraction` holds out."""
        return self.task != "classify"

    @property
    def part_of_source(self) -> dict[str, Part]:
        """What the rows of each source are for, by its name."""
        return {
            source.source_name: source.part if isinstance(source, LabelledFiles) else "train"
            for source in self.source
        }

    @property
    def divided(self) -> bool:
        """Whether examples are divided by more than the side of their group."""
        return self.task == "classify" or any(part != "train" for part in self.part_of_source.values())

    @model_validator(mode="after")
    def _check(self) -> ExamplesConfig:
        names = [source.source_name for source in self.source]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"two sources are named {name!r}, and names are part of document ids: give one a `name`"
                )
        parts = set(self.part_of_source.values())
        if "train" not in parts:
            raise ValueError("no source is for training: leave `part` out of one")
        for name, part in (("test_fraction", "test"), ("held_out_fraction", "validation")):
            if part in parts and self._is_set(name):
                raise ValueError(
                    f"`{name}` has no effect where a source is the {part} part: leave one of them out"
                )
        self._check_classify()
        return self

    def _is_set(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    def _check_classify(self) -> None:
        if self.task != "classify":
            for name in ("labels", "label_separator", "label_until", "corrections", "test_fraction"):
                if self._is_set(name):
                    raise ValueError(f"`{name}` is for `task: classify`, and this is {self.task}")
            for source in self.source:
                if source.type in ("text", "lines"):
                    raise ValueError(
                        f"`type: {source.type}` is for `task: classify`: it has texts and labels"
                    )
            return
        if any(source.type == "python-docs-questions" for source in self.source):
            raise ValueError(
                "these questions have answers, not labels: write `task: instruct` or `multiple-choice`"
            )
        for source in self.source:
            if source.type == "text" and not set(source.path) & set("*?["):
                raise ValueError(
                    f"{source.path} is one text, with its folder for a label: write a pattern of many"
                    " (`./mail/*/*.txt`), or `type: lines` where each line is a label and a text"
                )
        if self.labels is not None and (len(set(self.labels)) != len(self.labels) or len(self.labels) < 2):
            raise ValueError("`labels` are at least two names that differ")
