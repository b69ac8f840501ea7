import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save

from ontogeny.core.errors import DataError
from ontogeny.data.classifier import classifier_version, load_classifier, train_classifier
from ontogeny.data.classifier_features import find_features, linear_scores
from ontogeny.data.classifier_settings import Training
from ontogeny.data.signals.classifier import classifier_signals
from ontogeny.data.texts import Texts

COOKING = ["onion", "butter", "oven", "flour", "simmer", "taste", "pepper", "bowl"]
SAILING = ["harbour", "mast", "wind", "anchor", "tide", "hull", "rudder", "sea"]
COMMON = ["the", "and", "with", "a", "then", "slowly", "before", "again"]
SMALL = Training(bits=12)


def written(words: list[str], count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(words + COMMON * 2, k=draw.randint(5, 30))) for _ in range(count)]


@pytest.fixture(scope="module")
def sets() -> tuple[list[str], list[str]]:
    return written(COOKING, 400, 1), written(SAILING, 400, 2)


def test_two_kinds_of_text_are_told_apart(sets: tuple[list[str], list[str]]) -> None:
    classifier = train_classifier(Texts.of(sets[0]), Texts.of(sets[1]), SMALL)
    assert classifier.figures.accuracy > 0.95 and classifier.figures.auc > 0.99
    assert classifier.figures.calibration_error < 0.1
    assert 40 < classifier.figures.examples < 120
    scores = classifier.score(Texts.of(["simmer the onion in butter", "the mast and the rudder", ""]))
    assert scores.dtype == np.float32 and scores[0] > 0.9 and scores[1] < 0.1 and 0.05 < scores[2] < 0.95


def test_order_of_examples_changes_nothing_and_the_seed_does(sets: tuple[list[str], list[str]]) -> None:
    first = train_classifier(Texts.of(sets[0]), Texts.of(sets[1]), SMALL)
    again = train_classifier(Texts.of(sets[0][::-1]), Texts.of(sets[1][::-1]), SMALL)
    assert np.array_equal(first.weights, again.weights) and first.figures == again.figures
    other = train_classifier(Texts.of(sets[0]), Texts.of(sets[1]), Training(bits=12, seed=1))
    assert not np.array_equal(first.weights, other.weights)


def test_copies_stand_on_one_side(sets: tuple[list[str], list[str]]) -> None:
    once = train_classifier(Texts.of(sets[0]), Texts.of(sets[1]), SMALL)
    twice = train_classifier(Texts.of(sets[0] * 2), Texts.of(sets[1] * 2), SMALL)
    assert twice.figures.examples == 2 * once.figures.examples


def test_characters_help_where_words_are_new() -> None:
    draw = random.Random(3)
    like = ["".join(draw.choices("abcde", k=12)) for _ in range(400)]
    unlike = ["".join(draw.choices("vwxyz", k=12)) for _ in range(400)]
    words = train_classifier(Texts.of(like), Texts.of(unlike), Training(bits=14))
    chars = train_classifier(Texts.of(like), Texts.of(unlike), Training(bits=14, chars=(2, 3)))
    assert words.figures.auc < 0.7 < 0.99 < chars.figures.auc


def reference_features(text: str) -> set[str]:
    words = "".join(char if char.isalnum() else " " for char in text.lower()).split()
    return {*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one",
        "One two, ONE two - one!",
        "a b a b a",
        "“Quoted” text… and — dashes",
        "naïve café naïve café",
    ],
)
def test_features_are_the_set_of_words_and_pairs(text: str) -> None:
    buckets, offsets = find_features(Texts.of(["other text", text]), 26, (0, 0))
    own = buckets[offsets[1] :]
    assert len(own) == len(set(own.tolist())) == len(reference_features(text))


def test_ideographs_are_words_each() -> None:
    buckets, _ = find_features(Texts.of(["人人生而自由"]), 26, (0, 0))
    assert len(buckets) == 5 + 5


def test_scores_are_sums_over_features() -> None:
    texts = Texts.of(["a b c", "", "b b d e f", "x " * 5000])
    weights = np.random.default_rng(0).normal(size=1 << 10).astype(np.float32)
    for chars in ((0, 0), (1, 3)):
        buckets, offsets = find_features(texts, 10, chars)
        expected = [
            0.5 + weights[buckets[a:b]].sum(dtype=np.float64) / max(b - a, 1) ** 0.5
            for a, b in itertools.pairwise(offsets)
        ]
        assert linear_scores(texts, weights, 0.5, chars) == pytest.approx(expected)


def test_a_classifier_is_saved_and_loaded(sets: tuple[list[str], list[str]], tmp_path: Path) -> None:
    classifier = train_classifier(Texts.of(sets[0]), Texts.of(sets[1]), SMALL)
    classifier.save(tmp_path / "cooking")
    assert sorted(path.name for path in (tmp_path / "cooking").iterdir()) == [
        "classifier.json",
        "classifier.safetensors",
    ]
    loaded = load_classifier(tmp_path / "cooking")
    texts = Texts.of(sets[0][:5])
    assert np.array_equal(loaded.score(texts), classifier.score(texts))
    assert loaded.figures == classifier.figures and loaded.training == SMALL
    group = classifier_signals("cooking", tmp_path / "cooking")
    assert group.columns == ("quality:cooking",) and group.name == "quality:cooking"
    assert np.array_equal(group.compute(texts)["quality:cooking"], classifier.score(texts))
    before = classifier_version(tmp_path / "cooking")
    train_classifier(Texts.of(sets[1]), Texts.of(sets[0]), SMALL).save(tmp_path / "cooking")
    assert classifier_version(tmp_path / "cooking") != before
    anew = classifier_signals("cooking", tmp_path / "cooking").compute(texts)["quality:cooking"]
    assert anew.max() < 0.5 < classifier.score(texts).min(), "the one trained anew is read"


def test_damaged_classifiers_are_refused(sets: tuple[list[str], list[str]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no classifier is there"):
        load_classifier(tmp_path)
    with pytest.raises(DataError, match="no classifier is there"):
        classifier_version(tmp_path)
    train_classifier(Texts.of(sets[0]), Texts.of(sets[1]), SMALL).save(tmp_path)
    about = json.loads((tmp_path / "classifier.json").read_text())
    weights = (tmp_path / "classifier.safetensors").read_bytes()
    for settings, data, message in [
        ({**about, "format": "x"}, weights, "its format is 'x'"),
        ({**about, "scale": None}, weights, "damaged"),
        ({**about, "scale": float("nan")}, weights, "numbers that are none"),
        ({**about, "figures": {}}, weights, "damaged"),
        ({}, weights, "damaged"),
        (about, weights[:100], "damaged"),
        (about, save({"weights": np.zeros(8, dtype=np.float32)}), "the weights do not fit the settings"),
    ]:
        (tmp_path / "classifier.json").write_text(json.dumps(settings))
        (tmp_path / "classifier.safetensors").write_bytes(data)
        with pytest.raises(DataError, match=message):
            load_classifier(tmp_path)


def test_too_few_examples_are_refused(sets: tuple[list[str], list[str]]) -> None:
    few = r"`unlike` has too few examples: of 60 texts, \d+ are there to .*, and 20 are needed"
    with pytest.raises(DataError, match=few) as error:
        train_classifier(Texts.of(sets[0][:150]), Texts.of(sets[1][:60]), SMALL)
    assert "give `unlike` 400 texts or more" in str(error.value)
    with pytest.raises(DataError, match=r"`like` has too few examples: of 30 .*(.|\n)*give `like` 160 texts"):
        train_classifier(Texts.of(sets[0][:30]), Texts.of(sets[1]), Training(bits=12, held_out=0.5))


def test_settings_are_checked() -> None:
    with pytest.raises(ValidationError, match="give the fewest and the most"):
        Training(chars=(5, 3))
