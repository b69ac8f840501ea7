"""What edits took, summed over portions: lines and bytes by reason, whatever the order of the portions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ontogeny.data.document import Document, Text, make_doc_id
from ontogeny.data.edits.c4_lines import C4Lines
from ontogeny.data.edits.mask_pii import MaskPii
from ontogeny.data.edits.took import edit_figures
from ontogeny.data.intake import Intake, UnitJob, read_unit
from ontogeny.data.portions import Portion
from ontogeny.data.sources.files import Unit

RULES = (MaskPii(type="mask-pii"), C4Lines(type="c4-lines"))
TYPES = [rule.type for rule in RULES]


def portions_of(folder: Path, texts: list[str]) -> list[Portion]:
    documents = [
        Document(doc_id=make_doc_id("s", text), group="g", source="s", locator=text, content=Text(text))
        for text in texts
    ]
    unit = Unit(folder / "x", 1)
    job = UnitJob("s", (unit,), lambda unit, reading: iter(documents), Intake(rules=RULES), folder)
    return list(read_unit(job).portions)


def test_lines_and_matches_with_their_bytes(tmp_path: Path) -> None:
    here = portions_of(
        tmp_path / "a", ["A line that stays.\nmenu\n\nTwo words.\n  ", "Write to a@b.com today."]
    )
    there = portions_of(tmp_path / "b", ["Please turn on JavaScript now.\nno end"])
    none: list[Portion] = portions_of(tmp_path / "c", [])
    figures = edit_figures([*here, *there, *none], TYPES)
    assert figures == {
        "c4-lines": {
            "lines": {
                "kept": 2,
                "no_terminal_punctuation": 2,
                "too_few_words": 1,
                "javascript": 1,
                "blank": 2,
            },
            "bytes": {
                "kept": 41,
                "no_terminal_punctuation": 10,
                "too_few_words": 10,
                "javascript": 30,
                "blank": 2,
            },
        },
        "mask-pii": {"matches": {"email": 1}, "bytes": {"email": 7}},
    }
    assert edit_figures([*none, *there, *here], TYPES) == figures


def test_rows_are_sorted_with_their_documents(tmp_path: Path) -> None:
    (portion,) = portions_of(tmp_path / "a", ["A line that stays.\n" * n for n in (3, 1, 2)])
    codes, texts = portion.ragged_edits("c4_line_codes"), portion.texts().strings()
    assert np.diff(codes.offsets).tolist() == [text.count("line") for text in texts]


def test_without_edits_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert edit_figures(portions_of(tmp_path / "a", ["text"]), []) == {}
