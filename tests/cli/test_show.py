"""What commands print."""

from __future__ import annotations

import pytest

from ontogeny.cli.show import metric_rows, metric_value, print_table, print_words


def test_metrics_within_metrics_have_rows_of_their_own() -> None:
    metrics = {
        "accuracy": 0.5,
        "dropped": {"copy": 2, "empty": 1},
        "calibration": {"temperature": 1.25, "test": {"ece": 0.0123456789, "curve": [1, 2]}},
        "curve": [1.0, 2.0],
    }
    assert [(name, metric_value(value)) for name, value in metric_rows(metrics)] == [
        ("accuracy", "0.5"),
        ("dropped", "copy: 2, empty: 1"),
        ("calibration, temperature", "1.25"),
        ("calibration, test, ece", "0.0123457"),
    ]


def test_tables_and_words_keep_to_the_columns_that_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "A line of words that goes on and on until it is wider than what forty columns hold."
    for told, widest in ((None, len(words)), ("40", 40)):
        monkeypatch.delenv("COLUMNS", raising=False) if told is None else monkeypatch.setenv("COLUMNS", told)
        print_table(["name", "what it is"], [["a_name", words]])
        print_words(words)
        lines = capsys.readouterr().out.splitlines()
        assert widest - 8 <= max(map(len, lines)) <= widest + 20 * (told is None)
        assert " ".join(" ".join(lines).split()).endswith(words)
