"""What a classifier goes by can be read, though its features are hashed."""

from __future__ import annotations

import pytest

from ontogeny.data.classifier import Classifier, Examples, train_on
from ontogeny.data.classifier_features import find_features, find_spans
from ontogeny.data.classifier_settings import Training
from ontogeny.data.classifier_telling import most_telling, worst_mistakes
from ontogeny.data.texts import Texts
from tests.data.test_classifier import COMMON, COOKING, SAILING, written

SMALL = Training(bits=14)


@pytest.fixture(scope="module")
def trained() -> tuple[Classifier, Examples]:
    like, unlike = written(COOKING, 400, 1), written(SAILING, 400, 2)
    examples = Examples.of(
        Texts.of(like), Texts.of([*unlike, *(f"{text} onion butter" for text in like[:8])])
    )
    return train_on(examples, SMALL), examples


def test_spans_lead_to_the_n_grams() -> None:
    text = "The mast, the Mast"
    buckets, offsets, spans = find_spans(Texts.of(["x", text]), 14, (3, 4))
    assert spans.shape == (len(buckets), 2)
    plain, same = find_features(Texts.of(["x", text]), 14, (3, 4))
    assert plain.tolist() == buckets.tolist() and same.tolist() == offsets.tolist()
    data = f"x{text}"
    found = {data[start:end] for start, end in spans[1:].tolist()}
    # "the Mast" and the second "the" are the same n-grams in small letters as those before.
    assert {"The", "mast", "The mast", "mast, the", "mas", "ast"} <= found
    assert "the Mast" not in found


def test_the_words_of_each_set_tell(trained: tuple[Classifier, Examples]) -> None:
    telling = most_telling(*trained)
    like = {each.text for each in telling if each.log_odds > 0}
    unlike = {each.text for each in telling if each.log_odds < 0}
    assert len(like & set(COOKING)) >= 6 and len(unlike & set(SAILING)) >= 6
    assert not (like | unlike) & set(COMMON)
    strongest = telling[0]
    assert strongest.like > strongest.unlike


def test_mistakes_are_the_surest_wrong_ones(trained: tuple[Classifier, Examples]) -> None:
    mistakes = worst_mistakes(*trained)
    assert mistakes
    assert all((each.probability >= 0.5) != each.like for each in mistakes)
    assert any("onion butter" in each.text for each in mistakes if not each.like)


def test_what_shows_nothing_is_named_by_its_code_point() -> None:
    marked = [f"{text} \N{NO-BREAK SPACE} " for text in written(COOKING, 400, 1)]
    examples = Examples.of(Texts.of(marked), Texts.of(written(SAILING, 400, 2)))
    assert "U+00A0" in {each.text for each in most_telling(train_on(examples, SMALL), examples)}
