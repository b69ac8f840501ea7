"""The fingerprint of a step: equal fingerprints mean equal results, so the earlier result is reused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ontogeny.core.files import digest_json
from ontogeny.lineage.step import Immaterial, Step, StepConfig, marker_of

DTYPES = {"cpu": "float32", "cuda": "bfloat16"}  # what tensors are computed in on each kind of device


def fingerprint(
    step: Step,
    config: StepConfig,
    *,
    seed: int,
    device: str,
    inputs: Mapping[str, str],
    external: Mapping[str, str],
    limit: int | None = None,
    processes: int | None = None,
) -> str:
    """The reuse key; for the processes that `config` asks for where no number is given.

    `inputs` maps a role to the content digest of its artifact, `external` an outside file's path to its digest. Names
    of artifacts and paths of files stay out: what counts is what they hold.
    """
    return digest_json(
        {
            "step": step.name,
            "step_version": step.version,
            "config": material(config),
            "seed": seed,
            "device": device,
            "dtype": DTYPES[device],
            "processes": config.processes if processes is None else processes,
            "limit": limit,
            "inputs": dict(inputs),
            "external_files": [external[path] for path in sorted(external)],
        }
    )


def material(config: BaseModel) -> dict[str, Any]:
    """The part of a configuration that can change the result and differs from its defaults, as JSON values.

    Discriminators (`type`) are always kept: two sources with equal other fields are different sources.
    """
    kept: dict[str, Any] = {}
    for name, info in type(config).model_fields.items():
        value = getattr(config, name)
        immaterial = any(isinstance(mark, Immaterial) for mark in info.metadata)
        if name == "step" or immaterial or _is_a_name(value, info):
            continue
        if name == "type" or not _is_default(value, info):
            kept[name] = _jsonable(value)
    return kept


def _is_a_name(value: object, info: FieldInfo) -> bool:
    """Whether a field holds nothing but names of artifacts: no word of its own, no settings around the names
    (`[{from: NAME, weight: 2}]`), which do count."""
    marker = marker_of(info)
    if marker is None or value in marker.words:
        return False
    return not (isinstance(value, (list, tuple)) and any(isinstance(item, BaseModel) for item in value))


def _is_default(value: object, info: FieldInfo) -> bool:
    return not info.is_required() and bool(value == info.get_default(call_default_factory=True))


def _jsonable(value: object) -> Any:
    if isinstance(value, BaseModel):
        return material(value)
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
