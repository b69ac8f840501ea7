"""What commands print."""

from __future__ import annotations

from ontogeny.cli.show import metric_rows, metric_value


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
