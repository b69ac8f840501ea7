"""Metrics of log-probabilities: of choices, of continuations, of whole texts, as lm-evaluation-harness has them.

Three of the rules that turn log-probabilities into a choice divide or subtract, since sums favour short choices:
`acc_norm` by characters, `acc_bytes` by bytes of UTF-8, `acc_mutual_info` subtracts what a choice has without its
question (domain-conditional PMI; Holtzman et al. 2021, arXiv 2104.08315). Of equals the first is chosen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.metrics.kind import Judge, Judgement, MetricKind, Summands
from ontogeny.tasks.requests import Answer, Item, OutputType

if TYPE_CHECKING:
    from ontogeny.tasks.definition import TaskDefinition

Rule = Callable[[Item, Answer], list[float]]


def logprobs(item: Item, answer: Answer) -> list[float]:
    """Of the choices after their contexts."""
    return [one.logprob for one in answer.scored[: len(item.choices)]]


def by_characters(item: Item, answer: Answer) -> list[float]:
    """Log-probability per character."""
    return [value / len(choice) for value, choice in zip(logprobs(item, answer), item.choices, strict=True)]


def by_bytes(item: Item, answer: Answer) -> list[float]:
    """Log-probability per byte of UTF-8."""
    return [
        value / len(choice.encode())
        for value, choice in zip(logprobs(item, answer), item.choices, strict=True)
    ]


def information(item: Item, answer: Answer) -> list[float]:
    """What the context adds to the log-probability without one."""
    neutral = answer.scored[len(item.choices) :]
    return [value - without.logprob for value, without in zip(logprobs(item, answer), neutral, strict=True)]


def by_tokens(item: Item, answer: Answer) -> list[float]:
    """Log-probability per token of the model."""
    return [one.logprob / max(one.tokens, 1) for one in answer.scored[: len(item.choices)]]


def chosen(item: Item, answer: Answer, rule: Rule = logprobs) -> int:
    """The place of the choice with the largest value; the first of equals."""
    values = rule(item, answer)
    return max(range(len(values)), key=values.__getitem__)


def probabilities(values: Sequence[float]) -> list[float]:
    """Log-probabilities as shares of one."""
    top = max(values)
    weights = [math.exp(value - top) for value in values]
    return [weight / math.fsum(weights) for weight in weights]


def _accuracy(name: str, rule: Rule) -> Judge:
    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        return {name: (float(chosen(item, answer, rule) in item.gold), 1.0)}

    return judge


def _accuracy_or_greedy(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """`acc`: the right choice is the likeliest; of a single continuation: each of its tokens was."""
    if not item.choices:
        return {"acc": (float(answer.scored[0].is_greedy), 1.0)}
    return {"acc": (float(chosen(item, answer) in item.gold), 1.0)}


def _centred(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """Accuracy with guessing as 0 and perfection as 1, of CORE (DataComp-LM, Li et al. 2024, arXiv 2406.11794): what is
    likeliest per token is chosen, and a single continuation is right if the model would have written it."""
    right = chosen(item, answer, by_tokens) in item.gold if item.choices else answer.scored[0].is_greedy
    guessing = len(item.gold) / len(item.choices) if item.choices else 0.0
    baseline = float(options.get("baseline", guessing))
    return {"centred_acc": ((right - baseline) / (1 - baseline), 1.0)}


def _check_baseline(options: Mapping[str, Any], definition: TaskDefinition, where: str) -> None:
    if not 0 <= options.get("baseline", 0) < 1:
        raise RecipeError(
            f"metric 'centred_acc': baseline is a share of 0 or more and less than 1, not {options['baseline']}",
            where=where, hint="what guessing reaches, such as 0.25 of four choices; without one it is that",
        )  # fmt: skip


def _true_mass(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """The share of the probability of all choices that the right ones have (arXiv 2109.07958, section 3.2, MC2)."""
    shares = probabilities(logprobs(item, answer))
    return {"mc2": (math.fsum(shares[place] for place in item.gold), 1.0)}


def _stereotype(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """Whether the stereotype, the right choice by its place, is likelier than the other; equals are not."""
    values = logprobs(item, answer)
    gold = item.gold[0]
    rest = max(value for place, value in enumerate(values) if place != gold)
    return {"pct_stereotype": (float(values[gold] > rest), 1.0)}


def _greedy(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """`exact_match` of choices: a right one is what the model would have written."""
    return {"exact_match": (float(any(answer.scored[place].is_greedy for place in item.gold)), 1.0)}


def _brier(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    shares = probabilities(logprobs(item, answer))
    gold = item.gold[0]
    return {
        "brier_score": (math.fsum((share - (place == gold)) ** 2 for place, share in enumerate(shares)), 1.0)
    }


def counted_classes(right: int, picked: int | None, classes: int) -> Summands:
    """Hits, right and chosen of each class, (3 classes,), of one item; `picked` is None for none of them."""
    hit, rightly, chosen_ones = ([0.0] * classes for _ in range(3))
    hit[right], rightly[right] = float(picked == right), 1.0
    if picked is not None:
        chosen_ones[picked] = 1.0
    return (*hit, *rightly, *chosen_ones)


def _classes(name: str) -> Judge:
    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        return {name: counted_classes(item.gold[0], chosen(item, answer), len(item.choices))}

    return judge


def _perplexity(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """For each item: harness counts neither tokens nor words here."""
    return {"perplexity": (-answer.scored[0].logprob, 1.0)}


def _rolling(name: str, size: Callable[[str], int]) -> Judge:
    """Per word or byte of the text; where the target is a list, the first is scored and the last is counted."""

    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        return {name: (-answer.scored[0].logprob, float(size(item.references[-1])))}

    return judge


def _bits(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    return {"bits_per_byte": (-answer.scored[0].logprob / math.log(2), float(bytes_in(item.references[-1])))}


def _token_perplexity(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    return {"token_perplexity": (-answer.scored[0].logprob, float(answer.scored[0].tokens))}


def words_in(text: str) -> int:
    """Pieces between white space, empty ones at the ends counted, as harness counts."""
    return len(re.split(r"\s+", text))


def bytes_in(text: str) -> int:
    """Of UTF-8."""
    return len(text.encode("utf-8"))


CHOICE: frozenset[OutputType] = frozenset({"multiple_choice"})
CONTINUATION: frozenset[OutputType] = frozenset({"loglikelihood"})
ROLLING: frozenset[OutputType] = frozenset({"loglikelihood_rolling"})

METRICS = (
    MetricKind("acc", CHOICE | CONTINUATION, _accuracy_or_greedy),
    MetricKind("acc_norm", CHOICE, _accuracy("acc_norm", by_characters)),
    MetricKind("acc_bytes", CHOICE, _accuracy("acc_bytes", by_bytes)),
    MetricKind("acc_mutual_info", CHOICE, _accuracy("acc_mutual_info", information)),
    MetricKind(
        "centred_acc",
        CHOICE | CONTINUATION,
        _centred,
        share=False,
        options={"baseline": (int, float)},
        check=_check_baseline,
    ),
    MetricKind("mc2", CHOICE, _true_mass),
    MetricKind("pct_stereotype", CHOICE, _stereotype, higher_is_better=None),
    MetricKind("exact_match", CHOICE, _greedy),
    MetricKind("brier_score", CHOICE, _brier, higher_is_better=False, share=False),
    MetricKind("f1", CHOICE, _classes("f1"), statistic="f1"),
    MetricKind("macro_f1", CHOICE, _classes("macro_f1"), statistic="macro_f1"),
    MetricKind("weighted_f1", CHOICE, _classes("weighted_f1"), statistic="weighted_f1"),
    MetricKind("mcc", CHOICE, _classes("mcc"), statistic="mcc", share=False),
    MetricKind("perplexity", CONTINUATION, _perplexity, "perplexity", higher_is_better=False, share=False),
    MetricKind("word_perplexity", ROLLING, _rolling("word_perplexity", words_in), "perplexity", False, False),
    MetricKind("byte_perplexity", ROLLING, _rolling("byte_perplexity", bytes_in), "perplexity", False, False),
    MetricKind("bits_per_byte", ROLLING, _bits, higher_is_better=False, share=False),
    MetricKind("token_perplexity", ROLLING | CONTINUATION, _token_perplexity, "perplexity", False, False),
)
