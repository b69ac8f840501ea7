"""The sections of a tuning's page about its guards: what was forgotten, the way to the base, what more data gives."""

from __future__ import annotations

from collections.abc import Sequence

from ontogeny.finetune.forgetting import Rise
from ontogeny.finetune.interpolation import Curve
from ontogeny.report import numbers
from ontogeny.report.figures import Series, line_chart
from ontogeny.report.page import Page, Section
from ontogeny.statistics.learning_curve import Growth, LossGrowth

DIGITS = 4


def add_forgetting(page: Page, rise: Rise, decision: tuple[bool, str] | None, curve: Curve | None) -> None:
    """What tuning cost on general text, the gate's verdict, and the models between the base and the tuned one."""
    section = page.section(
        "What was forgotten",
        lead="Text that the tuning does not aim at, before and after, document by document.",
    )
    if decision is None:
        section.note(f"{rise.words[0].upper()}{rise.words[1:]}.")
    else:
        passed, reason = decision
        said = "Passed" if passed else "Refused: `ontogeny promote` does not take this model"
        section.note(f"{said}. {reason[0].upper()}{reason[1:]}.", tone="good" if passed else "bad")
    if curve is not None:
        _add_curve(section, curve)


def _add_curve(section: Section, curve: Curve) -> None:
    points = curve.points
    section.prose(
        "Weights on the line from the base (0) to the tuned model (1), each measured (arXiv 2109.01903). "
        f"{curve.words} The model has the weights at {curve.taken:g}."
    )
    alphas = [each.alpha for each in points]
    for label, values in (
        ("held-out loss", [each.held_out_loss for each in points]),
        ("general bits per byte", [each.rise.after for each in points]),
    ):
        chosen = alphas.index(curve.suggested)
        series = [
            Series(label, alphas, values, "points"),
            Series(f"suggested, {curve.suggested:g}", [curve.suggested], [values[chosen]], "points"),
        ]
        section.figure(line_chart(series, x_label="share of the way from the base", y_label=label))
    classifies = points[0].held_out_accuracy is not None
    section.table(
        [
            "alpha",
            "held-out loss",
            *(["held-out accuracy"] if classifies else []),
            "general",
            "rise, %",
            "95% interval",
        ],
        [
            [
                f"{each.alpha:g}",
                numbers.measure(each.held_out_loss, DIGITS),
                *([numbers.percent(each.held_out_accuracy)] if classifies else []),
                numbers.measure(each.rise.after, DIGITS),
                numbers.signed(100 * each.rise.share, 2),
                ""
                if each.rise.interval is None
                else numbers.interval([100 * end for end in each.rise.interval], 2),
            ]
            for each in points
        ],
        caption="`interpolation: {take: ALPHA}`, or `take: suggested`, publishes another one of them.",
    )


def add_growth(page: Page, growth: LossGrowth) -> None:
    """Held-out loss by the number of examples, as a section of its own."""
    section = page.section(
        "What would more data give?", lead="The same training on a quarter and a half of it."
    )
    section.note(growth.words)
    section.figure(
        line_chart(
            _measured_and_fitted(growth.measured, growth.curve),
            x_label="examples to learn from",
            y_label="held-out loss (nats a token)",
        ),
        caption="Held-out loss by the number of examples to learn from, and a power law through it. The bounds hold the"
        " noise of the held-out part alone.",
    )


def show_growth(section: Section, growth: Growth) -> None:
    """Accuracy by the number of examples."""
    section.note(growth.words)
    measured = [(each.examples, 100 * each.right / each.tested) for each in growth.measured]
    fitted = [(size, 100 * accuracy) for size, accuracy in growth.curve]
    section.figure(
        line_chart(
            _measured_and_fitted(measured, fitted),
            x_label="examples to learn from",
            y_label="test examples right (%)",
        ),
        caption="Accuracy by the number of examples to learn from, and a power law through it. The bounds hold the"
        " noise of the test part alone.",
    )


def _measured_and_fitted(
    measured: Sequence[tuple[float, float]], fitted: Sequence[tuple[float, float]]
) -> list[Series]:
    return [
        Series("measured", [x for x, _ in measured], [y for _, y in measured], "points"),
        Series("fitted curve", [x for x, _ in fitted], [y for _, y in fitted], "dashed"),
    ]
