"""What a reader has to know of how items were asked, in phrases that fit any number: for terminals and pages."""

from __future__ import annotations

from collections.abc import Mapping

from ontogeny.report import numbers

LEFT_OUT, TRUNCATED, DOUBLED = "left_out_items", "truncated_prompts", "doubled_choices"
"""Keys of `Scores.counts`."""
SHOWN_MODELS = 3


def lost_items(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What became of items that are too long, by model; models of which the same is true are named together."""
    said: dict[str, list[str]] = {}
    for model, own in counts.items():
        for one in _lost(own):
            said.setdefault(one, []).append(model)
    return [f"{one} ({_named(models)})" for one, models in said.items()]


def _lost(counts: Mapping[str, int]) -> list[str]:
    left_out, truncated = counts.get(LEFT_OUT, 0), counts.get(TRUNCATED, 0)
    said = []
    if left_out:
        said.append(
            f"{numbers.counted(left_out, 'item')} left out: a text to score is longer than the context"
        )
    if truncated:
        said.append(f"{numbers.counted(truncated, 'prompt')} cut at the beginning: longer than the context")
    return said


def doubled_choices(count: int) -> str:
    """That some items have two equal choices."""
    return f"{numbers.counted(count, 'item')} with two equal choices, of which the first counts as chosen"


def never_tuned(model: str) -> str:
    """That a model is asked in chat which was only pretrained."""
    return f"{model} was never tuned to converse: the turns and special tokens of its chat template are foreign to it"


def _named(models: list[str]) -> str:
    shown = models[:SHOWN_MODELS]
    more = [f"{len(models) - SHOWN_MODELS} more"] if len(models) > SHOWN_MODELS else []
    return ", ".join([*shown, *more])
