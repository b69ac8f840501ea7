"""The page about a training, in the payload of its model: drawn from the metrics, the plan and the settings.

Nothing on it depends on when or how fast the model was trained: a run that was killed and resumed writes the bytes of
one that was not. Times, rates and memory stand in the manifest (`ontogeny show`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ontogeny.report import numbers
from ontogeny.report.canvas import Svg
from ontogeny.report.figures import Series, line_chart
from ontogeny.report.page import Page, Section
from ontogeny.train.metrics_log import read_metrics
from ontogeny.train.packing import PackingPlan

REPORT_FILE = "report.html"
SMOOTHING_POINTS = 9
EVEN = 0.01  # steps whose tokens differ by less than this are shown as equal
WIDE = 30.0  # largest over smallest norm from which on a logarithmic axis shows more
SETTLED_QUANTILE = 0.98  # of the losses: a first line far above the rest would flatten the chart
SHAPE = (
    ("layers", "num_hidden_layers"),
    ("width", "hidden_size"),
    ("query heads", "num_attention_heads"),
    ("key-value heads", "num_key_value_heads"),
    ("head size", "head_dim"),
    ("feed-forward width", "intermediate_size"),
    ("context, tokens", "max_position_embeddings"),
    ("vocabulary", "vocab_size"),
)
Lines = Sequence[Mapping[str, float]]


def write_training_report(
    payload: Path,
    *,
    title: str,
    settings: Mapping[str, Any],
    figures: Mapping[str, Any],
    plan: PackingPlan,
    snapshots: Iterable[int] = (),
    more: Callable[[Page], None] | None = None,
    minimised: str = "Cross-entropy",
) -> None:
    """Write the page of the model in `payload`, whose metrics and configuration are there.

    Args:
        figures: metrics of the manifest, of which only those that follow from the settings are shown.
        plan: what was read.
        snapshots: steps whose models lie in the payload.
        more: adds sections, below that of the loss.
        minimised: what the loss is, in words.
    """
    lines = read_metrics(payload)
    page = Page(title, subtitle="how the loss fell, on what, and what it took")
    _add_key_figures(page, lines, figures)
    _add_loss(page, lines, figures, minimised=minimised, snapshots=sorted(snapshots))
    if more is not None:
        more(page)
    _add_steering(page, lines)
    _add_data(page, figures, plan)
    _add_model(page, payload, figures)
    section = page.section("Settings", lead="As they were used, defaults included.")
    section.code(json.dumps(settings, indent=2, ensure_ascii=False), caption="settings", folded=True)
    page.write(payload / REPORT_FILE)


def _add_key_figures(page: Page, lines: Lines, figures: Mapping[str, Any]) -> None:
    steps, run = figures["steps"], figures.get("steps_run", figures["steps"])
    ended = "ended early" if figures.get("ended") else ""
    best = f"the best of {numbers.count(run)}" if run != steps else ended
    for name, label in (("held_out_bits_per_byte", "bits per byte"), ("held_out_loss", "held-out loss")):
        if figures.get(name) is not None:
            note = "on all documents that are never trained on"
            page.key_figure(label, numbers.measure(figures[name]), note=note)
            break
    page.key_figure("loss", numbers.measure(lines[-1]["loss"]), note="nats a token, in the last steps")
    page.key_figure("parameters", numbers.compact(figures["parameters"]), note=_trained(figures))
    page.key_figure("steps", numbers.count(steps), note=best)
    ratio = figures["tokens"] / figures["parameters"]
    page.key_figure(
        "tokens", numbers.compact(figures["tokens"]), note=f"{numbers.compact(ratio)} a parameter"
    )


def _trained(figures: Mapping[str, Any]) -> str:
    return "" if figures["trainable_parameters"] == figures["parameters"] else "of which a part was trained"


def _add_loss(
    page: Page, lines: Lines, figures: Mapping[str, Any], *, minimised: str, snapshots: Sequence[int]
) -> None:
    lead = f"{minimised} on what was read, smoothed over the values of single lines, and on documents that never were."
    section = page.section("Loss", lead=lead)
    a_step = lines[0]["tokens"] / lines[0]["step"]
    if all(abs(line["tokens"] / line["step"] - a_step) < EVEN * a_step for line in lines):
        caption = f"Each step read {numbers.count(a_step)} tokens."
        section.figure(_loss_chart(lines, "step", "step"), caption=caption)
    else:
        section.figure(_loss_chart(lines, "step", "step"), caption="By step.")
        section.figure(
            _loss_chart(lines, "tokens", "tokens read"),
            caption="By tokens, which steps read unequally many of.",
        )
    if reason := figures.get("ended"):
        section.note(f"The run ended after step {numbers.count(lines[-1]['step'])}: {reason}.")
    measured = [line for line in lines if line.get("held_out_loss") is not None]
    if measured:
        lowest = min(measured, key=lambda line: line["held_out_loss"])
        rows = [
            [
                name,
                int(line["step"]),
                int(line["tokens"]),
                line["held_out_loss"],
                line.get("held_out_bits_per_byte"),
            ]
            for name, line in (("first", measured[0]), ("lowest", lowest), ("last", measured[-1]))
        ]
        section.table(
            ["measurement", "step", "tokens", "loss", "bits per byte"],
            rows,
            caption="On the part of the held-out documents that is measured during training.",
        )
        section.prose(where_it_turned(lines, published=figures["steps"]))
    if snapshots:
        said = ", ".join(numbers.count(step) for step in snapshots)
        section.prose(f"Snapshots of the model lie beside it, in checkpoints/, of the steps {said}.")


def where_it_turned(lines: Lines, *, published: int) -> str:
    """In words: until where the held-out loss fell, how much it rose since, and which weights the model has.

    Args:
        lines: of metrics.jsonl, at least one with a held-out loss.
        published: the step whose weights the model has.
    """
    measured = [line for line in lines if line.get("held_out_loss") is not None]
    lowest, last = min(measured, key=lambda line: line["held_out_loss"]), measured[-1]
    step = numbers.count(lowest["step"])
    if lowest is last:
        return (
            f"The held-out loss was lowest where it was last measured, at step {step}: it had not turned up."
        )
    rise = last["held_out_loss"] / lowest["held_out_loss"] - 1
    turned = (
        f"The held-out loss fell until step {step} and was {numbers.percent(rise)} higher at step "
        f"{numbers.count(last['step'])}: what was learnt in between serves what was read more than what was not."
    )
    if published == lowest["step"]:
        return f"{turned} The model has the weights of step {step}."
    return f"{turned} `keep: {{best: true}}` publishes the weights of step {step}."


def lowest_of(lines: Lines, key: str) -> Series:
    """The lowest held-out loss as a point of its own, over `key` of its line."""
    measured = [line for line in lines if line.get("held_out_loss") is not None]
    lowest = min(measured, key=lambda line: line["held_out_loss"])
    label = f"lowest, step {numbers.count(lowest['step'])}"
    return Series(label, [lowest[key]], [lowest["held_out_loss"]], "points")


def _loss_chart(lines: Lines, key: str, label: str) -> Svg:
    ordered = sorted(line["loss"] for line in lines)
    top = ordered[min(len(ordered) - 1, int(SETTLED_QUANTILE * len(ordered)))]
    measured = [line for line in lines if line.get("held_out_loss") is not None]
    shown = [line for line in lines if line["loss"] <= top] or list(lines)
    series = [_series("training", key, "loss", shown, smooth=SMOOTHING_POINTS)]
    if measured:
        held_out = Series(
            "held out",
            [line[key] for line in measured],
            [line["held_out_loss"] for line in measured],
            "points",
        )
        series += [held_out, lowest_of(lines, key)]
    return line_chart(series, x_label=label, y_label="loss (nats a token)")


def _add_steering(page: Page, lines: Lines) -> None:
    lead = "The learning rate that the schedule gave, and how large gradients were before they were clipped."
    section = page.section("Learning rate and gradients", lead=lead)
    section.figure(
        line_chart([_series("learning rate", "step", "lr", lines)], x_label="step", y_label="learning rate"),
        caption="Learning rate, of the matrices where groups differ.",
    )
    norms = [line for line in lines if line["grad_norm"] > 0] or list(lines)
    section.figure(
        line_chart(
            [_series("norm", "step", "grad_norm", norms, smooth=SMOOTHING_POINTS)],
            x_label="step",
            y_label="norm of the gradient",
            log_y=max(each["grad_norm"] for each in norms) > WIDE * min(each["grad_norm"] for each in norms),
        ),
        caption="Norm of the gradient over all weights.",
    )
    skipped = [(line["step"], line["skipped"]) for line in lines if line.get("skipped")]
    if skipped:
        first = [(line["step"], line.get("skipped", 0)) for line in lines]
        section.figure(
            line_chart(
                [Series("skipped", [x for x, _ in first], [y for _, y in first])],
                x_label="step",
                y_label="updates skipped so far",
            ),
            caption=f"{numbers.counted(int(skipped[-1][1]), 'update')} skipped as outliers.",
        )


def cuts(plan: PackingPlan) -> int:
    """How often a document goes on in the next row."""
    goes_on = (np.diff(plan.document) == 0) & (np.diff(plan.row) == 1) & (np.diff(plan.start) > 0)
    return int(goes_on.sum())


def _add_data(page: Page, figures: Mapping[str, Any], plan: PackingPlan) -> None:
    lead = (
        "Documents laid into rows before training began; `ontogeny seen` tells which were read at which step."
    )
    section = page.section("What was read", lead=lead)
    if mixture := figures.get("mixture"):
        _add_mixture(section, mixture)
    section.table(
        ["", "number"],
        [
            ["documents", len(plan.doc_ids)],
            ["rows", plan.rows],
            ["tokens of a row, at most", plan.seq_len],
            ["tokens of a row, mean", numbers.measure(float((plan.row_tokens - 1).mean()), 1)],
            ["cuts of a document at the end of a row", cuts(plan)],
            ["tokens read in training", int(figures["tokens"])],
        ],
        caption="The packing plan, as packing.parquet holds it.",
    )


def _add_mixture(section: Section, mixture: Sequence[Mapping[str, Any]]) -> None:
    columns = [name for name in ("source", "tokens", "share", "epochs") if name in mixture[0]]
    section.table(
        columns,
        [[_mixture_cell(name, each[name]) for name in columns] for each in mixture],
        caption="What each source gave to the whole of training.",
    )
    if all(len(each.get("tokens_by_phase", ())) > 1 for each in mixture):
        phases = len(mixture[0]["tokens_by_phase"])
        section.table(
            ["source", *(f"phase {number + 1}" for number in range(phases))],
            [[each["source"], *(int(tokens) for tokens in each["tokens_by_phase"])] for each in mixture],
            caption="Tokens by phase.",
        )


def _mixture_cell(name: str, value: Any) -> Any:
    return (
        numbers.percent(value)
        if name == "share"
        else numbers.measure(value, 2)
        if name == "epochs"
        else value
    )


def _add_model(page: Page, payload: Path, figures: Mapping[str, Any]) -> None:
    section = page.section("The model", lead="Its sizes, and the arithmetic that training it took.")
    shape = json.loads((payload / "config.json").read_text())
    rows: list[list[Any]] = [["architecture", ", ".join(shape.get("architectures", []))]]
    rows += [[label, numbers.count(shape[key])] for label, key in SHAPE if isinstance(shape.get(key), int)]
    rows.append(["parameters", numbers.count(figures["parameters"])])
    if flops := figures.get("flops"):
        rows.append(["floating-point operations of training", numbers.compact(flops)])
    section.table(["", "value"], rows)
    if derived := figures.get("size"):
        section.table(
            ["setting", "value", "rule", "source"],
            [
                [
                    each["name"],
                    _plain(each["value"]),
                    "given" if each["given"] else each["rule"],
                    each["source"],
                ]
                for each in derived
            ],
            caption="What `size` came to.",
        )
    section.prose(
        "Time, tokens a second, utilisation and memory stand in the manifest: `ontogeny show` prints it."
    )


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _series(label: str, x: str, y: str, lines: Lines, *, smooth: int | None = None) -> Series:
    points = [(line[x], line[y]) for line in lines if line.get(y) is not None]
    return Series(label, [each for each, _ in points], [each for _, each in points], smooth=smooth)
