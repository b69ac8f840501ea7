"""Single items on the page of an evaluation: some drawn at random, the worst, the best, and where two models differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ontogeny.core.seeds import numpy_generator
from ontogeny.evaluate.record import EvaluationRecord, SuiteRecord
from ontogeny.evaluate.report_figures import bits_per_byte, choice_probabilities, right_probability
from ontogeny.evaluate.scores import ItemRow, lower_is_better
from ontogeny.evaluate.wording import value
from ontogeny.report import numbers
from ontogeny.report.page import Section, Tone, Turn
from ontogeny.report.shapes import shortened

DRAWN_ITEMS = 4
EXTREME_ITEMS = 3  # at each end
SHOWN_DOCUMENTS = 12
PROMPT_CHARS = 900  # of a prompt: its end, since solved examples come before the question
TEXT_CHARS = 2000  # of an answer; what repeats itself to the end need not be read to the end
NOTHING = "(nothing)"

Value = Callable[[ItemRow], float | None]
Show = Callable[[ItemRow], None]


def add_choices(
    section: Section,
    suite: SuiteRecord,
    rows: Sequence[ItemRow],
    others: Sequence[ItemRow],
    *,
    names: tuple[str, str],
    seed: int,
) -> None:
    """Questions with choices: `rows` as the model met them, `others` as the baseline did, called `names`."""
    by_other = {row.item: row for row in others}

    def show(row: ItemRow) -> None:
        _show_choices(section, row, by_other.get(row.item), names)

    _show_drawn(section, suite, rows, show, what="questions", seed=seed)
    wrong = [row for row in rows if row.correct is False and row.gold is not None]
    _show_extremes(
        section, f"Most surely wrong: {names[0]} gives the right choice least", wrong, right_probability, show
    )
    gained = _gained(by_other, right_probability)
    lost = [row for row in rows if (gained(row) or 0.0) < 0 and not row.correct]
    won = [row for row in rows if (gained(row) or 0.0) > 0 and row.correct]
    _show_extremes(section, f"Where {names[0]} lost most against {names[1]}", lost, gained, show)
    _show_extremes(section, f"Where {names[0]} gained most on {names[1]}", won, gained, show, best=True)


def add_written(
    section: Section,
    suite: SuiteRecord,
    rows: Sequence[ItemRow],
    others: Sequence[ItemRow],
    *,
    names: tuple[str, str],
    seed: int,
) -> None:
    """Answers that were written, and texts whose continuation was scored."""
    by_other = {row.item: row for row in others}

    def show(row: ItemRow) -> None:
        _show_written(section, suite, row, by_other.get(row.item), names)

    _show_drawn(section, suite, rows, show, what="items", seed=seed)
    worth = _worth(suite)
    values = {found for row in rows if (found := worth(row)) is not None}
    if len(values) > 1:
        low, high = min(values), max(values)
        _show_extremes(section, "Worst", [row for row in rows if worth(row) != high], worth, show)
        _show_extremes(section, "Best", [row for row in rows if worth(row) != low], worth, show, best=True)
    gained = _gained(by_other, worth)
    lost = [row for row in rows if (gained(row) or 0.0) < 0]
    _show_extremes(section, f"Where {names[0]} lost most against {names[1]}", lost, gained, show)


def add_documents(section: Section, rows: Sequence[ItemRow], model: str) -> None:
    """The documents that the model finds easiest and hardest."""
    ordered = sorted((row for row in rows if row.bits is not None and row.bytes), key=bits_per_byte)
    half = SHOWN_DOCUMENTS // 2
    shown = ordered if len(ordered) <= SHOWN_DOCUMENTS else ordered[:half] + ordered[-half:]
    section.table(
        ["document", "bytes", "bits per byte"],
        [[row.group, row.bytes, numbers.measure(bits_per_byte(row))] for row in shown],
        caption=f"Documents that {model} finds easiest, then hardest.",
    )


def add_samples(section: Section, record: EvaluationRecord, rows: Sequence[ItemRow]) -> None:
    """What every model wrote for the same prompt."""
    for item in dict.fromkeys(row.item for row in rows):
        written = [row for row in rows if row.item == item]
        first = written[0]
        turns = [Turn("prompt" if first.reference is None else "question", first.prompt or "")]
        for row in written:
            turns.append(
                Turn(_speaker(row, record), (row.output or "") if _has_text(row.output) else NOTHING)
            )
        if first.reference is not None:
            turns.append(Turn("reference", first.reference))
        section.sample(turns, title="" if first.reference is None else first.group)


def _speaker(row: ItemRow, record: EvaluationRecord) -> str:
    name = row.model.rsplit("/", 1)[-1].split("@")[0]
    other = record.baseline if row.model == record.model else record.model
    return row.model if other and other.rsplit("/", 1)[-1].split("@")[0] == name else name


def _show_drawn(
    section: Section, suite: SuiteRecord, rows: Sequence[ItemRow], show: Show, *, what: str, seed: int
) -> None:
    count = min(DRAWN_ITEMS, len(rows))
    if not count:
        return
    places = numpy_generator(seed, "shown items", suite.name).choice(len(rows), size=count, replace=False)
    section.heading(f"{count} of the {numbers.count(len(rows))} {what}, drawn at random")
    for place in sorted(places.tolist()):
        show(rows[place])


def _show_extremes(
    section: Section, title: str, rows: Sequence[ItemRow], worth: Value, show: Show, *, best: bool = False
) -> None:
    """Those of least worth, or of most; nothing where there are none."""
    valued = [(found, row) for row in rows if (found := worth(row)) is not None]
    ordered = sorted(valued, key=lambda pair: (-pair[0] if best else pair[0], pair[1].item))
    if ordered:
        section.heading(title)
        for _, row in ordered[:EXTREME_ITEMS]:
            show(row)


def _gained(by_other: dict[str, ItemRow], worth: Value) -> Value:
    """By how much the model does better than the other on an item."""

    def gained(row: ItemRow) -> float | None:
        other = by_other.get(row.item)
        own, theirs = worth(row), worth(other) if other is not None else None
        return own - theirs if own is not None and theirs is not None else None

    return gained


def _worth(suite: SuiteRecord) -> Value:
    """The primary metric of an item, larger is better; None where a single item has none."""
    metric = str(suite.primary)
    sign = -1.0 if lower_is_better(metric) else 1.0

    def worth(row: ItemRow) -> float | None:
        if metric.startswith("perplexity") and row.logprobs:
            return row.logprobs[0]
        found = next((score for score in row.scores or () if score.metric == metric), None)
        return sign * found.top / found.bottom if found is not None and found.bottom else None

    return worth


def _show_choices(section: Section, row: ItemRow, other: ItemRow | None, names: tuple[str, str]) -> None:
    shares, theirs = choice_probabilities(row), choice_probabilities(other) if other is not None else None
    turns = [Turn("question", _end_of(row.prompt))]
    for place, choice in enumerate(row.choices or ()):
        right = place == row.gold
        words = ["right" if right else "wrong" if place == row.chosen else "choice"]
        words += [
            f"{name} {'chose it, ' if met is not None and met.chosen == place else ''}{numbers.percent(own[place], 0)}"
            for name, met, own in zip(names, (row, other), (shares, theirs), strict=True)
            if own is not None
        ]
        turns.append(Turn(" · ".join(words), choice, "good" if right else "plain"))
    section.sample(turns, title=_choice_title(row, shares), tone=_tone(bool(row.correct)), folded=True)


def _choice_title(row: ItemRow, shares: list[float] | None) -> str:
    said = "right" if row.correct else "wrong"
    if shares is not None and row.chosen is not None and row.gold is not None:
        said += f", sure to {numbers.percent(shares[row.chosen], 0)}"
        if not row.correct:
            said += f", the right choice has {numbers.percent(shares[row.gold], 0)}"
    return f"{last_line(row)} — {said}"


def _show_written(
    section: Section, suite: SuiteRecord, row: ItemRow, other: ItemRow | None, names: tuple[str, str]
) -> None:
    turns = [Turn("prompt", _end_of(row.prompt))] if row.prompt else []
    for name, met in zip(names, (row, other), strict=True):
        if met is None:
            continue
        for text in met.outputs or ():
            turns.append(Turn(_who(name, met), shortened(text, TEXT_CHARS) if _has_text(text) else NOTHING))
        if met.output is not None and met.outputs is not None and met.output not in met.outputs:
            turns.append(Turn(f"{name}, taken as the answer", met.output or NOTHING))
        if met.outputs is None and met.logprobs is not None:
            turns.append(Turn(name, _scored_words(met)))
    wanted = [reference for reference in row.references or () if _has_text(reference)]
    turns += [Turn("reference", shortened(text, TEXT_CHARS), "good") for text in wanted[:3]]
    section.sample(turns, title=f"{last_line(row)} — {_score_words(suite, row)}", folded=True)


def _who(name: str, row: ItemRow) -> str:
    return f"{name}, cut at its length" if row.finish_reason == "length" else name


def _scored_words(row: ItemRow) -> str:
    total, tokens = sum(row.logprobs or ()), sum(row.tokens or ())
    greedy = "; it would have written just this" if row.greedy and all(row.greedy) else ""
    return f"log-probability {numbers.measure(total, 2)} nats over {numbers.counted(tokens, 'token')}{greedy}"


def _score_words(suite: SuiteRecord, row: ItemRow) -> str:
    first = sorted(row.scores or (), key=lambda score: score.metric != suite.primary)[:2]
    said = [
        f"{score.metric} {value(score.metric, score.top / score.bottom)}" for score in first if score.bottom
    ]
    return ", ".join(said) or row.group


def last_line(row: ItemRow) -> str:
    """What tells the item from others in a line: the end of what was asked."""
    lines = [line.strip() for line in (row.prompt or "").splitlines() if line.strip()]
    asked = next((line for line in reversed(lines) if len(line.split()) > 2), lines[-1] if lines else "")
    return shortened(asked, 110) or row.item


def _end_of(prompt: str | None) -> str:
    text = prompt or ""
    return text if len(text) <= PROMPT_CHARS else f"… {text[-PROMPT_CHARS:]}"


def _has_text(text: str | None) -> bool:
    return bool(text and text.strip())


def _tone(good: bool) -> Tone:
    return "good" if good else "bad"
