import numpy as np
import pytest

from ontogeny.data.rules.toxicity import Toxicity, judge_toxicity


def test_documents_above_the_rate_go() -> None:
    judgement = judge_toxicity(
        Toxicity(type="toxicity", max_rate=0.1),
        {"toxic_word_rate": np.array([0.0, 0.1, 0.11], dtype=np.float32)},
    )
    assert judgement.code.tolist() == [0, 0, 1]
    assert judgement.reasons == ("toxic_words",)
    assert judgement.says == ("of the words are toxic, above max_rate 0.1",)
    assert judgement.score[2] == pytest.approx(0.11)


def test_without_a_bound_nothing_goes() -> None:
    rule = Toxicity(type="toxicity", max_rate=None)
    judgement = judge_toxicity(rule, {"toxic_word_rate": np.array([0.5, 1.0], dtype=np.float32)})
    assert judgement.code.tolist() == [0, 0] and judgement.reasons == ()
