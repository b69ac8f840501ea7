"""Overlap with references, against sacrebleu, rouge_score where it is installed, and values worked out by hand."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.tasks.answers import judge_of
from ontogeny.tasks.metrics import METRICS, STATISTICS
from ontogeny.tasks.metrics.overlap import longest_common_subsequence
from ontogeny.tasks.requests import Answer, Item
from tests.tasks.conftest import Write

WORDS = ["the", "cat", "sat", "on", "a", "mat", ",", "it", "purred", ".", "Über", "naïve", "3.5", "rats"]
WRITING = """
task: writing
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
doc_to_text: q
doc_to_target: topic
"""


def item(*references: str) -> Item:
    return Item("id", "task", "id", {}, (), references=references)


def value(name: str, pairs: list[tuple[str, tuple[str, ...]]], **options: object) -> float:
    """Of the whole set, by summands and statistic."""
    kind = METRICS[name, "generate_until"]
    rows = [
        kind.judge(item(*references), Answer(outputs=(text,)), options)[name] for text, references in pairs
    ]
    return float(STATISTICS[kind.statistic](np.array(rows).sum(0)))


def pairs(count: int, references: int, *, seed: int) -> list[tuple[str, tuple[str, ...]]]:
    """Answers that are their first reference with some words drawn anew."""
    stream = random.Random(seed)
    found = []
    for _ in range(count):
        texts = [[stream.choice(WORDS) for _ in range(stream.randrange(1, 14))] for _ in range(references)]
        answer = [word if stream.random() < 0.7 else stream.choice(WORDS) for word in texts[0]]
        found.append((" ".join(answer), tuple(map(" ".join, texts))))
    return found


@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bleu", {}),
        ("bleu", {"tokenize": "intl", "lowercase": True}),
        ("bleu", {"tokenize": "char"}),
        ("chrf", {}),
        ("chrf", {"word_order": 2}),
        ("ter", {}),
    ],
)
def test_corpus_scores_are_sacrebleus(
    name: str, options: dict[str, object], count: int, references: int
) -> None:
    import sacrebleu

    metric = {"bleu": sacrebleu.BLEU, "chrf": sacrebleu.CHRF, "ter": sacrebleu.TER}[name](**options)
    for seed in range(5):
        made = pairs(count, references, seed=seed)
        columns = [[refs[number] for _, refs in made] for number in range(references)]
        whole = metric.corpus_score([text for text, _ in made], columns).score
        assert value(name, made, **options) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "reference", "bleu", "ter"),
    [("", "a b c d", 0.0, 100.0), ("x", "a", 0.0, 100.0), ("a b c d", "a b c d", 100.0, 0.0)],
)
def test_answers_without_or_with_everything(text: str, reference: str, bleu: float, ter: float) -> None:
    assert value("bleu", [(text, (reference,))]) == pytest.approx(bleu)
    assert value("ter", [(text, (reference,))]) == pytest.approx(ter)
    assert value("chrf", [(text, (reference,))]) == pytest.approx(bleu)


def test_an_empty_reference_does_not_divide_by_nothing() -> None:
    assert value("ter", [("too much", ("",))]) == 100.0
    assert value("ter", [("", ("",))]) == 0.0


def test_the_score_of_a_set_is_not_the_mean_of_its_items() -> None:
    made = pairs(30, 1, seed=9)
    assert value("bleu", made) != pytest.approx(np.mean([value("bleu", [one]) for one in made]), abs=1)


def test_rouge_by_hand() -> None:
    one = [("the cat sat", ("the cat lay down",))]
    assert value("rouge1", one) == pytest.approx(2 * 2 / 7)
    assert value("rouge2", one) == pytest.approx(2 * 1 / 5)
    assert value("rougeL", [("b a c", ("a b c",))]) == pytest.approx(2 / 3)
    assert value("rouge1", [("no", ("x", "no way", "no"))]) == 1.0, "the reference that fits best"
    assert value("rouge1", [("", ("a",))]) == value("rouge2", [("a", ("a",))]) == 0.0
    assert value("rouge1", [("кошка спит", ("Кошка ест",))]) == 0.5, "words of other scripts are words"


@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL"])
def test_rouge_is_that_of_the_package(name: str) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer([name])
    for text, references in pairs(60, 2, seed=4):
        ascii_only = [one.encode("ascii", "ignore").decode() for one in (text, *references)]
        expected = scorer.score_multi(ascii_only[1:], ascii_only[0])[name].fmeasure
        assert value(name, [(ascii_only[0], tuple(ascii_only[1:]))]) == pytest.approx(expected)


def test_the_longest_common_subsequence_is_that_of_the_table() -> None:
    def slowly(a: str, b: str) -> int:
        table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
        for i, j in product(range(len(a)), range(len(b))):
            table[i + 1][j + 1] = table[i][j] + 1 if a[i] == b[j] else max(table[i][j + 1], table[i + 1][j])
        return table[-1][-1]

    stream = random.Random(1)
    for _ in range(200):
        a, b = ("".join(stream.choices("abcd", k=stream.randrange(12))) for _ in range(2))
        assert longest_common_subsequence(a, b) == slowly(a, b)


def test_squad_by_hand() -> None:
    assert value("squad_em", [("The Eiffel Tower.", ("Eiffel tower",))]) == 1.0
    assert value("squad_f1", [("in the Eiffel tower", ("Eiffel Tower", "Paris"))]) == pytest.approx(4 / 5)
    assert value("squad_f1", [("", ("the",))]) == 1.0, "nothing is left of either"
    assert value("squad_f1", [("x", ("the",))]) == value("squad_em", [("x", ("y",))]) == 0.0


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("{metric: bleu, tokenize: flores200}", "no tokenizer 'flores200'"),
        ("{metric: chrf, word_order: 1}", "word_order cannot be 1"),
        ("{metric: bleu, lower: true}", "unknown option 'lower'"),
    ],
)
def test_options_that_cannot_be_meant_are_named(write: Write, metric: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        judge_of(write(f"metric_list: [{metric}]", base=WRITING))
