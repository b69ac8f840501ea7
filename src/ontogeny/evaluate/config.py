"""What a user writes about an evaluation: models, suites of measurements, and gates that hold steps back.

gates:
  - {name: learnt-the-docs, metric: bits-per-byte/bits_per_byte, below: xz}
  - {name: answers, metric: questions/acc, better_than: baseline, blocks: [export]}
  - {name: no-worse, metric: questions/acc, not_worse_than: {model: production, margin: 0.02}}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, ValidationInfo, field_validator, model_validator

from ontogeny.evaluate.config_gates import BASELINE, Gate, check_gate
from ontogeny.evaluate.suites import Suite, TaskSuite
from ontogeny.lineage.step import Immaterial, Ref, StepConfig
from ontogeny.tasks.result_names import PREFERRED, PREFERRED_AT_EQUAL_LENGTH

Models = Annotated[str | tuple[str, ...], Ref("model", "adapter", "export")]
"""A model, or several trainings of one recipe with different seeds."""


class EvaluateConfig(StepConfig):
    """Score a model, and a baseline on the same items where one is given."""

    step: Literal["evaluate"] = "evaluate"
    model: Models
    """What is scored: a model, or a list of trainings of one recipe with different seeds, which count together."""
    baseline: Models | None = None
    """What is scored on the same items, to compare with: a model, or a list as for `model`."""
    suites: tuple[Suite, ...] = Field(min_length=1)
    """What is measured: suites, names of shipped ones (`foundation`, `aligned`) and of tasks (`core`, `hellaswag`)."""
    gates: tuple[Gate, ...] = ()
    """Conditions that hold later steps back."""
    contamination_bytes: NonNegativeInt = 16_000_000_000
    """Of the files that the models have learnt from, as far as their lineage is known, so many are searched for the
    items, at about 125 MB of text a second for each suite; what was searched before costs nothing. 0: none."""
    checkpoints: bool = False
    """Whether the snapshots that the model's training kept (`train.keep`) are scored too: the curve of each suite."""
    data_root: Annotated[Path | None, Immaterial()] = None
    """The folder that `${DATA}` stands for in tasks whose suites name none."""

    @model_validator(mode="before")
    @classmethod
    def _names_stand_for_suites(cls, given: Any) -> Any:
        """A name in the list stands for all that it lists; `data_root` holds for every task without one."""
        if not isinstance(given, dict) or not isinstance(given.get("suites"), (list, tuple)):
            return given
        root = given.get("data_root")
        return {
            **given,
            "suites": [_with_root(one, root) for entry in given["suites"] for one in meant_by(entry)],
        }

    @property
    def held_back(self) -> Mapping[tuple[str | int, ...], tuple[str, ...]]:
        """By its gates."""
        return {("gates", number, "blocks"): gate.blocks for number, gate in enumerate(self.gates)}

    @field_validator("suites", "gates")
    @classmethod
    def _names_differ(cls, named: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        names = [one.name for one in named]
        if doubled := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two {info.field_name} are called {doubled[0]!r}; give each a name of its own")
        return named

    @model_validator(mode="after")
    def _names_fit(self) -> EvaluateConfig:
        for gate in self.gates:
            check_gate(gate, self.suites, has_baseline=self.baseline is not None)
        for role, given in (("model", self.model), ("baseline", self.baseline)):
            if isinstance(given, tuple) and not 1 < len(set(given)) == len(given):
                raise ValueError(f"{role} lists trainings that differ: two names at least, each once")
        self._check_judges()
        if self.checkpoints and isinstance(self.model, tuple):
            raise ValueError("checkpoints: the curve is of one training; name a single model")
        return self

    def _check_judges(self) -> None:
        """Judges compare one model with one baseline."""
        judged = [one for one in self.suites if isinstance(one, TaskSuite) and one.judge is not None]
        if judged and (
            self.baseline is None or isinstance(self.baseline, tuple) or isinstance(self.model, tuple)
        ):
            raise ValueError(
                f"the judge of {judged[0].name!r} compares the answers of one model with those of one baseline; "
                "name one of each (`ontogeny compare MODEL OTHER` does)"
            )
        for one in judged:
            if one.judge is not None and one.judge.model in (self.model, self.baseline):
                raise ValueError(f"the judge of {one.name!r} is a model that it judges: {one.judge.model!r}")
        names = {one.name for one in judged}
        for gate in self.gates:
            verdicts = gate.suite in names and gate.measure in (PREFERRED, PREFERRED_AT_EQUAL_LENGTH)
            if verdicts and gate.opponent not in (None, BASELINE):
                raise ValueError(
                    f"gate {gate.name!r}: judges compare with the baseline alone, not with {gate.opponent!r}"
                )
        if self.checkpoints and (first := next((one for one in judged if one.primary == PREFERRED), None)):
            raise ValueError(
                f"checkpoints: {first.name!r} stands for what a judge says, who sees no snapshots; set primary"
            )


def meant_by(entry: Any) -> list[Any]:
    """The suites that an entry of the list stands for: itself, or those that a file of that name lists."""
    from ontogeny.tasks.catalogue import suite_entries

    listed = suite_entries(entry) if isinstance(entry, str) else [entry]
    return [{"type": "task", "task": one} if isinstance(one, str) else one for one in listed]


def _with_root(suite: Any, root: object) -> Any:
    lacks = isinstance(suite, dict) and suite.get("type") == "task" and suite.get("data_root") is None
    return {**suite, "data_root": root} if root is not None and lacks else suite
