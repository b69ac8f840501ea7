"""What a classifier says of the test part, written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ontogeny.core.files import canonical_json
from ontogeny.finetune.calibration import LIKELY
from ontogeny.finetune.labelled import LabelledTexts
from ontogeny.model.head_kinds import HeadKind
from ontogeny.records.parts import Stored, write_single

PREDICTIONS_FILE = "predictions.parquet"

Floats = npt.NDArray[np.float64]


def write_predictions(
    folder: Path, part: LabelledTexts, probabilities: Floats, names: Sequence[str], *, kind: HeadKind
) -> None:
    """Write predictions.parquet: doc_id, text, label, predicted, probability (the highest), and probabilities.

    `probabilities` are in the order of `labels` in the file's metadata. For `multi-label`, `label` and `predicted` are
    lists.
    """
    import pyarrow as pa

    label = pa.list_(pa.string()) if kind == "multi-label" else pa.string()
    schema = pa.schema(
        [
            ("doc_id", pa.string()),
            ("text", pa.string()),
            ("label", label),
            ("predicted", label),
            ("probability", pa.float64()),
            ("probabilities", pa.list_(pa.float64())),
        ],
        metadata={"labels": canonical_json(list(names))},
    )
    rows = _predictions(part, probabilities, names, several=kind == "multi-label")
    write_single(folder / PREDICTIONS_FILE, rows, schema)


def _predictions(
    part: LabelledTexts, probabilities: Floats, names: Sequence[str], *, several: bool
) -> Iterator[Stored]:
    for doc_id, text, own, row in zip(part.doc_ids, part.texts, part.labels, probabilities, strict=True):
        likely = [name for name, chance in zip(names, row, strict=True) if chance >= LIKELY]
        yield {
            "doc_id": doc_id,
            "text": text,
            "label": list(own) if several else own[0],
            "predicted": likely if several else names[int(row.argmax())],
            "probability": float(row.max()),
            "probabilities": row.tolist(),
        }


def label_counts(parts: Mapping[str, LabelledTexts], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many texts of each part have each label."""
    found = {name: dict.fromkeys(parts, 0) for name in names}
    for part, texts in parts.items():
        for own in texts.labels:
            for name in own:
                found[name][part] += 1
    return found
