"""Columns become narrower in a clear order: names break at joints, then columns are left out; numbers never break."""

from __future__ import annotations

from ontogeny.cli.columns import Fitted, fitted

COLUMNS = ["task", "metric", "value", "n"]
ROWS = [
    ["blimp/blimp_determiner_noun_agreement", "acc", "50.0%", "1,000"],
    ["sst2", "exact_match,strict-match", "[0.0, 100.0]", "2"],
]


def fit(width: int, spare: tuple[str, ...] = ()) -> Fitted:
    return fitted(COLUMNS, ROWS, right=COLUMNS[2:], spare=spare, width=width)


def cells(shown: Fitted, place: int) -> list[str]:
    return [cell.plain for cell in shown.columns[place].cells]


def test_what_fits_stays_as_it_is() -> None:
    shown = fit(200)
    assert not shown.tight
    assert [cells(shown, place) for place in range(4)] == [list(column) for column in zip(*ROWS, strict=True)]


def test_names_break_after_their_joints_and_go_on_indented() -> None:
    shown = fit(60)
    assert shown.tight
    name, metric = cells(shown, 0)[0], cells(shown, 1)[1]
    lines = name.split("\n")
    assert len(lines) > 1
    assert all(line.startswith("  ") for line in lines[1:])
    assert all(line.endswith(("/", "_")) for line in lines[:-1])
    assert "".join(map(str.strip, lines)) == ROWS[0][0]
    assert metric.replace("\n", "") == ROWS[1][1]
    assert sum(max(map(len, "\n".join(cells(shown, place)).split("\n"))) for place in range(4)) + 3 * 2 <= 60


def test_numbers_do_not_break_but_columns_are_left_out() -> None:
    shown = fit(42, spare=("n", "value"))
    assert [column.name for column in shown.columns] == ["task", "metric", "value"]
    assert cells(shown, 2) == ["50.0%", "[0.0, 100.0]"]
    assert [column.name for column in fit(28, spare=("n", "value")).columns] == ["task", "metric"]


def test_a_word_that_is_too_long_breaks_last() -> None:
    digest = "d" * 64
    shown = fitted(["name", "digest"], [["a/tutor@1", digest]], right=(), spare=(), width=50)
    assert cells(shown, 0) == ["a/tutor@1"], "it is not broken for the sake of the other"


def test_marks_of_colour_have_no_width() -> None:
    shown = fitted(["step", "status"], [["a", "[green]✔[/green] done"]], right=(), spare=(), width=17)
    assert not shown.tight
    assert cells(shown, 1) == ["✔ done"]
