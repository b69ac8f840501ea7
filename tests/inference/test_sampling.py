import pytest
import torch

from ontogeny.core.errors import UsageError
from ontogeny.inference.sampling import SamplingOptions, sample

LOGITS = torch.tensor([0.0, 2.0, 1.0, -1.0])


def draws(options: SamplingOptions, count: int = 4000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    found = torch.tensor([sample(LOGITS, options, generator) for _ in range(count)])
    return torch.bincount(found, minlength=4) / count


def test_temperature_zero_takes_the_likeliest() -> None:
    assert draws(SamplingOptions(), 5).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_follow_the_softmax(temperature: float) -> None:
    expected = (LOGITS / temperature).softmax(0)
    assert torch.allclose(draws(SamplingOptions(temperature=temperature)), expected, atol=0.03)


def test_top_k_and_top_p_cut_the_tail() -> None:
    assert (draws(SamplingOptions(temperature=1.0, top_k=2)) > 0).tolist() == [False, True, True, False]
    # 0.64 + 0.24 reach 0.8; the others are out.
    assert (draws(SamplingOptions(temperature=1.0, top_p=0.8)) > 0).tolist() == [False, True, True, False]
    assert (draws(SamplingOptions(temperature=1.0, top_p=1e-6)) > 0).tolist() == [False, True, False, False]
    kept = draws(SamplingOptions(temperature=1.0, top_p=0.8))
    assert torch.allclose(kept[1] / kept[2], torch.tensor(2.718), atol=0.3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is at least 1"),
        ({"temperature": -1.0}, "temperature is 0 or more"),
        ({"temperature": float("nan")}, "temperature is 0 or more"),
        ({"top_p": 0.0}, "top_p is above 0"),
        ({"top_k": 0}, "top_k is at least 1"),
        ({"stop": ("",)}, "an empty text"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SamplingOptions(**wrong)  # type: ignore[arg-type]
