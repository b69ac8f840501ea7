"""What a user writes about an evaluation: suites of measurements, and gates that hold steps back.

suites:
  - {type: bits-per-byte, data: corpus}
  - {type: multiple-choice, name: questions, data: choices, primary: acc}
  - {type: samples, data: questions, prompts: ["def "], n: 8}
gates:
  - {name: learnt-the-docs, metric: bits-per-byte/bits_per_byte, below: xz}
  - {name: answers, metric: questions/acc, better_than: baseline, blocks: [export]}
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from ontogeny.core.errors import nearest
from ontogeny.lineage.step import Ref, Settings, StepConfig
from ontogeny.statistics.paired import SIGNIFICANCE
from ontogeny.tasks.multiple_choice import RULES, Rule

Form = Literal["auto", "chat", "plain"]
"""How a model is asked. `auto`: a model that was tuned to converse in chat; any other in both forms, and what is
reported first is the form in which it does better for a baseline, the plain one for the model under evaluation."""


class BitsPerByteSuite(Settings):
    """How well the model predicts held-out documents, beside what `xz -9e` makes of the same bytes."""

    type: Literal["bits-per-byte"] = "bits-per-byte"
    name: str = Field("bits-per-byte", pattern=r"^[^/\s]+$")
    """What it is called in metrics, gates and reports."""
    data: Annotated[str, Ref("corpus")]
    """Whose held-out documents are scored."""
    window: PositiveInt | None = None
    """Tokens the model sees at once; its context length when not given."""
    stride: PositiveInt | None = None
    """Tokens that the window moves; half of it when not given. Smaller is slower and fairer to the model."""
    max_bytes: PositiveInt | None = None
    """Stop at this many bytes of documents; all held-out documents when not given."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what it measures."""
        return ("bits_per_byte",)

    @property
    def primary(self) -> str:
        """The metric that stands for the suite."""
        return "bits_per_byte"


class MultipleChoiceSuite(Settings):
    """Which of several choices the model finds likeliest."""

    type: Literal["multiple-choice"] = "multiple-choice"
    name: str = Field("multiple-choice", pattern=r"^[^/\s]+$")
    """What it is called in metrics, gates and reports."""
    data: Annotated[str, Ref("examples")]
    """Whose held-out items are asked."""
    form: Form = "auto"
    """How the model is asked. auto: in chat if it was tuned to converse, else in all ways it can be asked."""
    primary: Rule = "acc"
    """The rule that stands for the suite; choose it before looking at results."""
    n: PositiveInt | None = None
    """Items to ask; all held-out ones when not given."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what it measures."""
        return RULES


class SamplesSuite(Settings):
    """What the model writes, shown as it is, good and bad alike: to read, not to score."""

    type: Literal["samples"] = "samples"
    name: str = Field("samples", pattern=r"^[^/\s]+$")
    """What it is called in metrics, gates and reports."""
    prompts: tuple[str, ...] = ()
    """Texts to go on with."""
    data: Annotated[str, Ref("examples")] | None = None
    """Questions with reference answers; held-out ones are drawn from it at random."""
    n: PositiveInt = 8
    """Questions to draw from `data`."""
    form: Form = "auto"
    """How the model is asked. auto: in chat if it was tuned to converse, else as plain text."""
    max_new_tokens: PositiveInt = 96
    """Longest answer."""
    temperature: float = Field(0.0, ge=0)
    """0 takes the likeliest token at each place."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability."""

    @model_validator(mode="after")
    def _has_something_to_ask(self) -> SamplesSuite:
        if not self.prompts and self.data is None:
            raise ValueError("samples need prompts: [...], or data: with questions")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """Nothing is measured."""
        return ()


Suite = Annotated[BitsPerByteSuite | MultipleChoiceSuite | SamplesSuite, Field(discriminator="type")]


class Gate(Settings):
    """A condition on one metric of the evaluated model; exactly one of the five conditions is given."""

    name: str
    """What it is called where it refuses."""
    metric: str
    """`suite/metric`, e.g. `questions/acc`."""
    at_least: float | None = None
    """The least value that passes."""
    at_most: float | None = None
    """The largest value that passes."""
    better_than: Literal["baseline"] | None = None
    """Better on the same items, by a paired test."""
    below: Literal["xz"] | None = None
    """Fewer bits per byte than `xz -9e` on the same documents."""
    above: Literal["chance"] | None = None
    """More often right than guessing would be, by a one-sided test."""
    significance: float = Field(SIGNIFICANCE, gt=0, lt=1)
    """Largest p-value that counts, for `better_than` and `above`."""
    blocks: tuple[str, ...] = ()
    """Steps that are held back while the gate refuses."""

    @model_validator(mode="after")
    def _one_condition(self) -> Gate:
        conditions = ("at_least", "at_most", "better_than", "below", "above")
        given = [name for name in conditions if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a gate needs exactly one of {', '.join(conditions)}; it has {len(given)}")
        tested = given[0] in ("better_than", "above")
        if "significance" in self.model_fields_set and not tested:
            raise ValueError(f"significance has no effect on {given[0]}; leave it out")
        return self

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.metric.partition("/")[0]

    @property
    def measure(self) -> str:
        """The metric's name within its suite."""
        return self.metric.partition("/")[2]


class EvaluateConfig(StepConfig):
    """Score a model, and a baseline on the same items where one is given."""

    step: Literal["evaluate"] = "evaluate"
    model: Annotated[str, Ref("model", "adapter", "export")]
    """What is scored."""
    baseline: Annotated[str, Ref("model", "adapter", "export")] | None = None
    """What is scored on the same items, to compare with."""
    suites: tuple[Suite, ...] = Field(min_length=1)
    """What is measured."""
    gates: tuple[Gate, ...] = ()
    """Conditions that hold later steps back."""
    checkpoints: bool = False
    """Whether the snapshots that the model's training kept (`train.keep`) are scored too: the curve of each suite."""

    @model_validator(mode="after")
    def _names_fit(self) -> EvaluateConfig:
        for what, names in (
            ("suites", [suite.name for suite in self.suites]),
            ("gates", [gate.name for gate in self.gates]),
        ):
            if doubled := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"two {what} are called {doubled[0]!r}; give each a name of its own")
        for gate in self.gates:
            self._check_gate(gate)
        return self

    def _check_gate(self, gate: Gate) -> None:
        known = [f"{suite.name}/{metric}" for suite in self.suites for metric in suite.metrics]
        if gate.metric not in known:
            raise ValueError(
                f"gate {gate.name!r}: no metric {gate.metric!r}; there is {', '.join(known) or 'none'}."
                + nearest(gate.metric, known)
            )
        suite = next(suite for suite in self.suites if suite.name == gate.suite)
        if gate.better_than is not None and self.baseline is None:
            raise ValueError(f"gate {gate.name!r} compares with a baseline; name one: baseline: STEP")
        if gate.below is not None and suite.type != "bits-per-byte":
            raise ValueError(f"gate {gate.name!r}: only a bits-per-byte suite can be below xz")
        if gate.above is not None and suite.type != "multiple-choice":
            raise ValueError(f"gate {gate.name!r}: only a multiple-choice suite can be above chance")
