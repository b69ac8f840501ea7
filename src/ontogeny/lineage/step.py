"""The protocol of a step: a configuration, named inputs, and a function from both to a payload.

    Step(name, version, config, output, run)      run(config, inputs, context) -> Outputs

A step writes what it makes into `context.payload`, keeps what lets it resume in `context.scratch`, and returns what it
measured. It never touches the ledger, never prints, and never invents a path.

Fields that name an artifact are marked with `Ref` and the kinds they accept:

    class TokenizeConfig(StepConfig):
        step: Literal["tokenize"] = "tokenize"
        corpus: Annotated[str, Ref("corpus")]

The runner hands over the artifacts by the path of the field: `inputs["corpus"]`, `inputs["suites.0.data"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from ontogeny.core.progress import Progress
from ontogeny.core.remote import AnyPath
from ontogeny.core.workers import Executor
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import Verdict


class Settings(BaseModel):
    """Base of everything a user writes: frozen, and unknown keys and numbers that are not finite are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class StepConfig(Settings):
    """Base of the configuration of a step; subclasses narrow `step` to a literal."""

    step: str

    @property
    def processes(self) -> int:
        """How many processes run the step together."""
        return 1

    @property
    def makes(self) -> str | None:
        """The kind of the artifact where it depends on the settings. None: `Step.output`."""
        return None

    @property
    def held_back(self) -> Mapping[tuple[str | int, ...], tuple[str, ...]]:
        """The steps that its gates hold back while they refuse, by where it says so."""
        return {}


class Ref:
    """Marks a field as the name of an artifact of one of `kinds`.

    One that `only_decides` puts nothing of what it holds into the result, which has neither its licences nor its
    knowledge cutoff. `words` mean something in the field itself and name no artifact.
    """

    def __init__(self, *kinds: str, only_decides: bool = False, words: tuple[str, ...] = ()) -> None:
        self.kinds = kinds
        self.only_decides = only_decides
        self.words = words


class Immaterial:
    """Marks a field that cannot change the result (worker counts, cadence of logs): it stays out of the fingerprint."""


@dataclass(frozen=True)
class Reference:
    """A use of an artifact in a configuration: where, by what name, and what it may be (see `Ref`)."""

    role: str
    name: str
    kinds: tuple[str, ...]
    only_decides: bool = False


def references(config: BaseModel, prefix: str = "") -> Iterator[Reference]:
    """Every reference in `config`, in the order of its fields."""
    for name, info in type(config).model_fields.items():
        yield from _references_of(getattr(config, name), f"{prefix}{name}", marker_of(info))


def marker_of(info: FieldInfo) -> Ref | None:
    """The `Ref` of a field, whether it stands on the field or inside its type."""
    return next((mark for mark in info.metadata if isinstance(mark, Ref)), None) or _ref_within(
        info.annotation
    )


def _references_of(value: object, role: str, marker: Ref | None) -> Iterator[Reference]:
    if isinstance(value, BaseModel):
        yield from references(value, f"{role}.")
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from _references_of(item, f"{role}.{position}", marker)
    elif isinstance(value, str) and marker is not None and value not in marker.words:
        yield Reference(role, value, marker.kinds, marker.only_decides)


def _ref_within(annotation: Any) -> Ref | None:
    """The marker inside `list[Annotated[str, Ref(...)]]` or `Annotated[str, Ref(...)] | None`."""
    for argument in getattr(annotation, "__metadata__", ()):
        if isinstance(argument, Ref):
            return argument
    for argument in getattr(annotation, "__args__", ()):
        if (found := _ref_within(argument)) is not None:
            return found
    return None


@dataclass(frozen=True)
class Context:
    """What the runner lends to a step.

    `payload` is empty at the start of each attempt, and what lies in it at the end is published. `scratch` survives a
    crash and is never published. `seed` is already derived for this step. `workers` is None where the step may choose.
    `cache` outlives the step: what lies there is known by what it was made of, and may vanish between runs (by default
    `scratch`). `external` has the digests of the outside files by their paths.
    """

    payload: Path
    scratch: Path
    seed: int
    device: str
    progress: Progress
    workers: int | None = None
    executor: Executor = "local"
    limit: int | None = None
    cache: Path | None = None
    external: Mapping[str, str] = field(default_factory=dict)


UNKNOWN = "unknown"
"""Said of a licence, a date or a language that no one named; among the licences of what holds something without one."""


@dataclass(frozen=True)
class Outputs:
    """What a step tells about its payload. `licenses` are those of what was brought into the workspace with it, not of
    its inputs. `spent` holds measured costs, e.g. `{"tokens": 1e6, "flops": 2e13}`."""

    metrics: dict[str, Any]
    verdicts: tuple[Verdict, ...] = ()
    licenses: tuple[str, ...] = ()
    knowledge_cutoff: str | None = None
    spent: dict[str, float] = field(default_factory=dict)


def no_external_files(config: Any) -> list[AnyPath]:
    """A step that reads nothing but its inputs."""
    return []


@dataclass(frozen=True)
class Step:
    """A kind of step. `output` is the kind of the artifact it makes, unless `config.makes` says another.

    `external_files(config)` lists the files outside the workspace that the step reads: their content is part of the
    fingerprint. `summary` names the metrics that a table may show; the first that was measured is shown. `limited`
    steps obey `context.limit`.
    """

    name: str
    version: int
    config: type[StepConfig]
    output: str
    run: Callable[[Any, Mapping[str, Artifact], Context], Outputs]
    external_files: Callable[[Any], Sequence[AnyPath]] = no_external_files
    summary: tuple[str, ...] = ()
    limited: bool = False

    def kind_of(self, config: StepConfig) -> str:
        """The kind of the artifact that it makes with `config`."""
        return config.makes or self.output

    def key_metric(self, metrics: Mapping[str, Any]) -> tuple[str, float] | None:
        """The one metric that a table shows, in words, and its value; None where none was measured."""
        for name in self.summary:
            value = metrics.get(name)
            if isinstance(value, (int, float)):
                return name.replace("_", " "), value
        return None
