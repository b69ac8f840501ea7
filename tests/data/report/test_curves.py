"""A curve says what a run with another threshold would keep, and histograms hold every document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from ontogeny.data.report.curves import BINS, bound_fields, choose_edges, reasons_of
from ontogeny.data.report.finished import read_rules
from ontogeny.data.report.survey import count_curves
from ontogeny.data.rules.expression import Expression
from ontogeny.data.rules.gopher_quality import GopherQuality
from ontogeny.data.rules.gopher_repetition import GopherRepetition
from ontogeny.data.rules.length import Length
from ontogeny.data.rules.pii import Pii
from tests.data.conftest import Made
from tests.data.report.conftest import RULES, curate


def bound_of(figures: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in figures["bounds"] if each["field"] == name]
    return found


@pytest.mark.parametrize(("position", "name"), [(0, "min_chars"), (0, "max_bytes"), (1, "min_words")])
def test_a_threshold_of_the_curve_keeps_what_a_run_with_it_keeps(
    reported: tuple[Path, dict[str, Any]], tmp_path: Path, position: int, name: str
) -> None:
    what_if = bound_of(reported[1], name)["what_if"]
    thresholds = what_if["thresholds"]
    at = len(thresholds) // 2
    rules = [dict(rule) for rule in RULES]
    rules[position][name] = thresholds[at] if thresholds[at].is_integer() else round(thresholds[at])
    again = curate(tmp_path, rules)
    copies = 3  # copies are settled after rules: the curve cannot know whose copies would come back
    assert abs(again.outputs.metrics["documents_kept"] - what_if["documents"][at]) <= copies


def test_the_curve_passes_through_what_was_kept(reported: tuple[Path, dict[str, Any]]) -> None:
    figures = reported[1]
    for bound in figures["bounds"]:
        place = bound["what_if"]["thresholds"].index(bound["bound"])
        assert (
            bound["what_if"]["documents"][place] == figures["documents_kept"] == sum(bound["documents_kept"])
        )
        assert bound["what_if"]["bytes"][place] == figures["bytes_kept"]
        assert bound["what_if"]["documents_without"] >= figures["documents_kept"]
        assert sum(bound["documents"]) == figures["documents_read"] - 1  # but the row that is no JSON


def test_words_stay_where_a_rule_counts_them(reported: tuple[Path, dict[str, Any]], mixed: Made) -> None:
    kept = sum(row["words"] for row in mixed.rows())
    for bound in reported[1]["bounds"]:
        what_if = bound["what_if"]
        assert what_if["words"][what_if["thresholds"].index(bound["bound"])] == kept
        assert what_if["words_without"] >= kept
    only_length = count_curves(mixed.payload, read_rules(RULES[:1])).figures()
    assert {"words" in each["what_if"] for each in only_length} == {True}  # the columns decide, not the rule


def test_without_counted_words_there_are_none(tmp_path: Path) -> None:
    made = curate(tmp_path, RULES[:1])
    (first, *_) = count_curves(made.payload, read_rules(RULES[:1])).figures()
    assert "words" not in first["what_if"]


def test_tests_without_a_bound_say_what_they_take_alone(tmp_path: Path) -> None:
    drop = {"type": "expression", "drop": "words > 60", "reason": "many_words"}
    made = curate(tmp_path / "with", [*RULES, drop])
    found = count_curves(made.payload, read_rules([*RULES, drop])).others
    (alone,) = [each.figures() for each in found if each.reason == "many_words"]
    without = curate(tmp_path / "without")
    copies = 3  # as above
    more = without.outputs.metrics["documents_kept"] - made.outputs.metrics["documents_kept"]
    assert abs(alone["documents"] - more) <= copies
    assert alone["documents"] > 40
    assert alone["words"] > 60 * alone["documents"]
    assert "many_words</td>" in (made.payload / "report.html").read_text()


def test_without_a_size_signal_texts_tell_their_size(tmp_path: Path) -> None:
    rules = [RULES[1]]
    made = curate(tmp_path, rules)
    figures = count_curves(made.payload, read_rules(rules)).figures()
    (bound,) = [each for each in figures if each["field"] == "min_words"]
    place = bound["what_if"]["thresholds"].index(12)
    assert bound["what_if"]["bytes"][place] == made.outputs.metrics["bytes_kept"]


def test_rules_whose_columns_are_missing_show_nothing(mixed: Made) -> None:
    assert count_curves(mixed.payload, [Pii(type="pii")]).figures() == []
    assert count_curves(mixed.payload, []).figures() == []


def test_drops_of_a_rule_that_cannot_be_judged_again_stay_out(mixed: Made, tmp_path: Path) -> None:
    for name in ("part-00000.parquet", "dropped.parquet"):
        pq.write_table(pq.read_table(mixed.payload / name).drop_columns(["counted_words"]), tmp_path / name)
    figures = count_curves(tmp_path, read_rules(RULES)).figures()
    assert [bound["field"] for bound in figures] == ["min_chars", "max_bytes"]
    whole = count_curves(mixed.payload, read_rules(RULES)).figures()[0]["what_if"]["documents_without"]
    kept = mixed.outputs.metrics["documents_kept"]
    assert (
        kept
        <= figures[0]["what_if"]["documents_without"]
        <= kept + mixed.outputs.metrics["dropped"]["too_short"]
    )
    assert whole <= figures[0]["what_if"]["documents_without"]


def test_bounds_are_those_declared_and_set() -> None:
    (bound,) = bound_fields(Length(type="length", min_chars=3), 0)
    assert (bound.name, bound.value, bound.is_lower, bound.places) == ("min_chars", 3.0, True, (0,))
    fields = {each.name: each.places for each in bound_fields(GopherQuality(type="gopher-quality"), 0)}
    assert len(fields) == 9
    assert len(fields["max_symbols_per_word"]) == 2  # of # and of the ellipsis
    assert len(bound_fields(GopherRepetition(type="gopher-repetition", top_2_gram=None), 0)) == 12
    assert bound_fields(Expression(type="expression", drop="words < 3", reason="few"), 0) == []


def test_reasons_are_known_without_documents() -> None:
    assert reasons_of(Length(type="length", min_chars=3, max_bytes=9)) == ("too_short", "too_long")
    assert reasons_of(Expression(type="expression", drop="words < 3", reason="few")) == ("few",)


def test_edges_hold_the_bound_and_leave_out_extremes() -> None:
    rng = np.random.default_rng(5)
    edges, log = choose_edges(np.append(rng.lognormal(6, 2, 9_999), 1e12), 200.0)
    assert log
    assert 200.0 in edges
    assert edges[-1] < 1e9
    edges, log = choose_edges(rng.random(10_000), 0.3)
    assert not log
    assert 0.3 in edges
    assert len(edges) <= BINS + 1
    assert choose_edges(np.array([0.0, 1, 2, 2]), 1.0)[0].tolist() == [0, 1, 2]
    assert choose_edges(np.array([np.nan]), 7.0)[0].tolist() == [7]
