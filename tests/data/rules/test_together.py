"""What the rules of a recipe ask of each other is said before anything is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from ontogeny.core.errors import RecipeError, UsageError
from ontogeny.data.batch import EMPTY
from ontogeny.data.decontaminate.corpus import CONTEXT_ONLY
from ontogeny.data.dedup.corpus import NEAR_DUPLICATE
from ontogeny.data.dedup.exact import EXACT_DUPLICATE
from ontogeny.data.dedup.spans_corpus import REPEATED_SPANS
from ontogeny.data.report.curves import reasons_of
from ontogeny.data.rules import Rule, files_read_by
from ontogeny.data.rules.decontaminate import CONTAMINATED
from ontogeny.data.rules.reasons import is_reserved

SETTINGS: Mapping[str, Mapping[str, object]] = {
    "length": {"min_chars": 1, "max_chars": 9},
    "language": {"languages": ["en"]},
}
LINES, C4 = {"type": "c4-lines"}, {"type": "c4"}
WORTHY = {"type": "classifier", "name": "worthy", "classifier": "worthy", "min_score": 0}


def expression(drop: str, reason: str = "odd") -> dict[str, object]:
    return {"type": "expression", "drop": drop, "reason": reason}


def files(*rules: Mapping[str, object]) -> Any:
    return files_read_by(TypeAdapter(list[Rule]).validate_python(list(rules)))


@pytest.mark.parametrize(
    "rules",
    [
        [LINES, C4],
        [expression("words < 3 or domain == 'a.example' or language_score < 0.3 or pii_email > 2")],
        [WORTHY, expression("worthy < 0.3 and `quality:worthy` < 0.3")],
        [LINES, expression("c4_javascript_lines / c4_lines > 0.5")],
        [{"type": "mask-pii"}, expression("masked_pii_email > 20")],
        [{"type": "toxicity", "max_rate": None}, expression("toxic_word_rate > 0.1")],
        [{"type": "gopher-quality", "stop_words": ["der", "die"]}, expression("listed_stop_words < 1")],
    ],
)
def test_rules_that_fit_together_pass(rules: list[Mapping[str, object]]) -> None:
    assert files(*rules) == []


@pytest.mark.parametrize(
    ("rules", "message", "hint"),
    [
        ([C4], "the rule 'c4' reads what the edit 'c4-lines' counted", "write `- {type: c4-lines}` above"),
        ([LINES, C4, LINES], "the edit 'c4-lines' stands above already", "write one of them"),
        ([C4, LINES], "the rule 'c4' reads what the edit 'c4-lines'", "above `- {type: c4}`"),
        ([LINES, expression("wrods < 3")], "there is no column 'wrods'", "use one of: "),
        ([expression("wordz < 3")], "Did you mean 'words'?", "words"),
        ([expression("worthy < 3"), WORTHY], "there is no column 'worthy'", "behind its rule"),
        ([WORTHY, expression("worthyy < 3")], "Did you mean 'worthy'?", ", worthy;"),
        ([expression("toxic_word_rate > 0.1")], "no column 'toxic_word_rate'", "behind its rule"),
        (
            [WORTHY, expression("words < 3", "worthy_low")],
            "'worthy_low' is what the classifier 'worthy' drops documents for",
            "another `reason`",
        ),
    ],
)  # fmt: skip
def test_rules_that_do_not_fit_are_refused(
    rules: list[Mapping[str, object]], message: str, hint: str
) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)) as caught:
        files(*rules)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ([LINES, C4, LINES], ("rules", 2)),
        ([LINES, expression("wrods < 3")], ("rules", 1, "drop")),
        ([WORTHY, expression("words < 3", "worthy_low")], ("rules", 1, "reason")),
        ([LINES, {**C4, "bad_words": "none.txt"}], ("rules", 1, "bad_words")),
        ([{"type": "toxicity", "words": "none.txt"}], ("rules", 0, "words")),
        ([{"type": "block-list", "paths": ["none.txt"]}], ("rules", 0, "paths")),
        ([{"type": "decontaminate", "against": ["none.jsonl"]}], ("rules", 0, "against")),
        ([{**WORTHY, "classifier": None, "path": "none"}], ("rules", 0, "path")),
    ],
)
def test_a_mistake_has_its_place_in_the_settings(
    rules: list[Mapping[str, object]], place: tuple[str | int, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        files(*rules)
    assert caught.value.place == place


def test_a_missing_list_names_the_nearest_file(tmp_path: Path) -> None:
    (tmp_path / "insults.txt").write_text("fool\n")
    with pytest.raises(RecipeError, match=r"there is no such file\. Did you mean 'insults\.txt'\?"):
        files({"type": "toxicity", "words": str(tmp_path / "insult.txt")})


def test_every_reason_of_fixed_name_is_reserved() -> None:
    fixed = {EMPTY, CONTEXT_ONLY, NEAR_DUPLICATE, EXACT_DUPLICATE, REPEATED_SPANS, CONTAMINATED}
    for kind in (
        "length",
        "gopher-quality",
        "gopher-repetition",
        "c4",
        "fineweb",
        "language",
        "toxicity",
        "pii",
    ):
        rule = TypeAdapter[Rule](Rule).validate_python({"type": kind, **SETTINGS.get(kind, {})})
        given = reasons_of(rule)
        assert given
        fixed |= set(given)
    assert [reason for reason in fixed if not is_reserved(reason)] == []
    assert not is_reserved("tiny")
