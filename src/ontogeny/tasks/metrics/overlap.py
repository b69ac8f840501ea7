"""How much of a reference is in what a model wrote: BLEU, chrF and TER by sacrebleu, ROUGE, and the F1 of SQuAD.

BLEU and chrF are of the whole set, not means over items: each item gives its counts, and the score is computed from
their sums. It is sacrebleu's own, to the last digit (Post 2018, arXiv 1804.08771), and so are the scores' names and
scale, 0 to 100. Where there are several references, the best for each item counts (BLEU: n-grams of all of them).
"""

from __future__ import annotations

import functools
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.definition import TaskDefinition
from ontogeny.tasks.metrics.kind import Floats, Judge, Judgement, MetricKind, Statistic
from ontogeny.tasks.requests import Answer, Item, OutputType

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as SacreMetric

BLEU_ORDER = 4
TOKENIZERS = ("13a", "intl", "zh", "char", "none")
"""Of sacrebleu, those that need nothing else installed or fetched."""
CHRF_RECALL = 2.0
"""How much more recall weighs than precision (Popović 2015, chrF2)."""
WORD = re.compile(r"[^\W_]+")
"""Letters and digits: for ASCII the words of the original ROUGE; other scripts have words here, too."""
ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
WRITTEN: frozenset[OutputType] = frozenset({"generate_until"})
Overlap = Callable[[Sequence[str], Sequence[str]], float]


@functools.cache
def _sacre(name: str, options: tuple[tuple[str, Any], ...]) -> SacreMetric:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    made: SacreMetric = {"bleu": BLEU, "chrf": CHRF, "ter": TER}[name](**dict(options))
    return made


def _counted(name: str) -> Judge:
    """Counts of the item's outputs, as sacrebleu takes them for its own resampling."""

    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        metric = _sacre(name, tuple(sorted(options.items())))
        outputs = [str(output) for output in answer.outputs]
        references = [[reference] * len(outputs) for reference in item.references]
        counts = metric._extract_corpus_statistics(outputs, references)
        return {name: tuple(float(sum(column)) for column in zip(*counts, strict=True))}

    return judge


def _ter(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
    """Edits for a hundred words of the reference; an empty reference counts as a word that every answer misses."""
    edits, words = _counted("ter")(item, answer, options)["ter"]
    return {"ter": (100.0 * edits, words) if words else (100.0 * bool(edits), 1.0)}


def bleu(sums: Floats) -> Floats:
    """BLEU of sums (..., 10): lengths of answers and references, then right and all n-grams of orders 1 to 4.

    An order without any match counts as half, a quarter, ... of a match (NIST; sacrebleu's "exp"); an order without
    n-grams gives 0, and so do answers without any match.
    """
    written, reference = sums[..., 0], sums[..., 1]
    right, there = sums[..., 2 : 2 + BLEU_ORDER], sums[..., 2 + BLEU_ORDER :]
    missed = np.cumsum((right == 0) & (there > 0), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(right > 0, right, 0.5**missed) / there
        brevity = np.where(written < reference, np.exp(1 - reference / written), 1.0)
        value = 100 * brevity * np.exp(np.log(precision).mean(-1))
    return np.where((right.sum(-1) == 0) | (there == 0).any(-1), 0.0, value)


def chrf(sums: Floats) -> Floats:
    """chrF of sums (..., 3 orders): n-grams of answers, of references, of both, order by order.

    Precision and recall are means over the orders that both sides have.
    """
    counts = sums.reshape(*sums.shape[:-1], -1, 3)
    written, reference, both = counts[..., 0], counts[..., 1], counts[..., 2]
    there = (written > 0) & (reference > 0)
    orders = np.maximum(there.sum(-1), 1)
    precision = (both / np.maximum(written, 1) * there).sum(-1) / orders
    recall = (both / np.maximum(reference, 1) * there).sum(-1) / orders
    weight = CHRF_RECALL**2
    f_score: Floats = (1 + weight) * precision * recall / np.maximum(weight * precision + recall, 1e-300)
    return 100 * f_score


def words_of(text: str) -> list[str]:
    """Words as ROUGE compares them."""
    return WORD.findall(text.lower())


def _rouge_of_order(order: int) -> Overlap:
    def overlap(written: Sequence[str], reference: Sequence[str]) -> float:
        a, b = (
            Counter(zip(*(words[at:] for at in range(order)), strict=False)) for words in (written, reference)
        )
        return f_measure((a & b).total(), a.total(), b.total())

    return overlap


def _rouge_of_subsequence(written: Sequence[str], reference: Sequence[str]) -> float:
    return f_measure(longest_common_subsequence(written, reference), len(written), len(reference))


def f_measure(both: int, written: int, reference: int) -> float:
    """The harmonic mean of precision and recall; 0 where nothing is shared."""
    return 2 * both / (written + reference) if both else 0.0


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Its length; a bit for each place of `a`, a step for each word of `b` (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(a)) - 1
    unmatched = full
    for word in b:
        found = unmatched & places.get(word, 0)
        unmatched = ((unmatched + found) | (unmatched - found)) & full
    return len(a) - unmatched.bit_count()


def squad_words(text: str) -> list[str]:
    """Words as SQuAD compares them: no case, no punctuation, no articles."""
    return ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split()


def squad_f1(written: Sequence[str], reference: Sequence[str]) -> float:
    """F1 of the words that both share; of two empty answers 1."""
    if not written or not reference:
        return float(list(written) == list(reference))
    return f_measure((Counter(written) & Counter(reference)).total(), len(written), len(reference))


def squad_exact(written: Sequence[str], reference: Sequence[str]) -> float:
    """Whether the words are the same."""
    return float(list(written) == list(reference))


def _best(name: str, words: Callable[[str], list[str]], overlap: Overlap) -> Judge:
    """The mean over outputs of the overlap with the reference that fits best."""

    def judge(item: Item, answer: Answer, options: Mapping[str, Any]) -> Judgement:
        references = [words(reference) for reference in item.references]
        values = [
            max(overlap(words(str(output)), reference) for reference in references)
            for output in answer.outputs
        ]
        return {name: (sum(values) / len(values), 1.0)}

    return judge


def _check_bleu(options: Mapping[str, Any], definition: TaskDefinition, where: str) -> None:
    name = options.get("tokenize", TOKENIZERS[0])
    if name not in TOKENIZERS:
        raise RecipeError(
            f"metric 'bleu': there is no tokenizer {name!r} that needs nothing else", where=where,
            hint=f"tokenize is one of {', '.join(TOKENIZERS)}",
        )  # fmt: skip


def _check_chrf(options: Mapping[str, Any], definition: TaskDefinition, where: str) -> None:
    if (order := options.get("word_order", 0)) not in (0, 2):
        raise RecipeError(
            f"metric 'chrf': word_order cannot be {order}", where=where, hint="0 is chrF, 2 is chrF++"
        )


METRICS = (
    MetricKind(
        "bleu", WRITTEN, _counted("bleu"), "bleu", share=False,
        options={"tokenize": str, "lowercase": bool}, check=_check_bleu,
    ),
    MetricKind(
        "chrf", WRITTEN, _counted("chrf"), "chrf", share=False,
        options={"word_order": int, "lowercase": bool}, check=_check_chrf,
    ),
    MetricKind("ter", WRITTEN, _ter, higher_is_better=False, share=False),
    MetricKind("rouge1", WRITTEN, _best("rouge1", words_of, _rouge_of_order(1))),
    MetricKind("rouge2", WRITTEN, _best("rouge2", words_of, _rouge_of_order(2))),
    MetricKind("rougeL", WRITTEN, _best("rougeL", words_of, _rouge_of_subsequence)),
    MetricKind("squad_f1", WRITTEN, _best("squad_f1", squad_words, squad_f1)),
    MetricKind("squad_em", WRITTEN, _best("squad_em", squad_words, squad_exact)),
)  # fmt: skip
STATISTICS: Mapping[str, Statistic] = {"bleu": bleu, "chrf": chrf}
