"""Expressions over what documents say, what was measured of them, and what rules before them counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.data.step import CURATE
from tests.data.conftest import Made, run_step

ROWS: list[dict[str, object]] = [
    {"text": "The people of the town have a long way to go, and they know it.\nRead the privacy policy."},
    {"text": "Die Leute der Stadt haben einen weiten Weg vor sich, und sie wissen das.", "license": "MIT"},
    {"text": "Write to someone@example.org or to other@example.org when you have time.", "date": "2011-05"},
    {"text": "Nobody knows the way of the world better than they do.", "url": "https://www.bad.example/x"},
    {"text": "This is the last of them, and the one that stays in the end."},
]


def curate(folder: Path, *rules: dict[str, object]) -> Made:
    folder.mkdir(exist_ok=True)
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    source = {"type": "jsonl", "path": str(path), "name": "texts"}
    return run_step(CURATE, {"sources": [source], "rules": list(rules), "held_out_fraction": 0.0}, folder)


def expression(drop: str, reason: str) -> dict[str, object]:
    return {"type": "expression", "drop": drop, "reason": reason}


def test_everything_known_of_a_document_may_stand_in_an_expression(tmp_path: Path) -> None:
    made = curate(
        tmp_path,
        {"type": "c4-lines", "min_words": None},
        {"type": "toxicity", "max_rate": None},
        expression("source == 'other' or extract_score > 0 or toxic_word_rate > 0.9", "none_of_them"),
        expression("domain in ['bad.example', 'worse.example']", "bad_place"),
        expression("license == 'MIT' and language == 'de' and language_score > 0.5", "german"),
        expression("date < '2015' and pii_email >= 2", "old_mail"),
        expression("c4_policy_lines / c4_lines >= 0.5", "policy"),
    )
    assert made.outputs.metrics["dropped"] == {"bad_place": 1, "german": 1, "old_mail": 1, "policy": 1}
    (left,) = made.rows()
    assert str(left["text"]).startswith("This is the last")


def test_counting_personal_data_drops_nothing_and_keeps_the_columns(tmp_path: Path) -> None:
    made = curate(tmp_path, {"type": "pii", "max_found": None})
    assert made.outputs.metrics["dropped"] == {}
    assert sorted(row["pii_email"] for row in made.rows()) == [0, 0, 0, 0, 2]


def test_an_unknown_name_is_refused_before_anything_is_read() -> None:
    config = CURATE.config.model_validate(
        {"sources": [{"type": "python-docs"}], "rules": [expression("wrods < 3", "odd")]}
    )
    with pytest.raises(RecipeError, match=r"there is no column 'wrods' .* Did you mean 'words'\?"):
        CURATE.external_files(config)
