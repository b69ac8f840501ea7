"""One spelling for values, intervals, differences and names."""

from __future__ import annotations

from ontogeny.evaluate import wording
from tests.evaluate.records import comparison


def test_shares_are_written_in_percent_whatever_they_are_labelled() -> None:
    for metric in ("acc", "exact_match,strict-match", "acc_norm[chat]", "pass@3", "acc_all_rotations"):
        assert wording.is_share(metric)
        assert wording.value(metric, 0.6125) == "61.3%"
        assert wording.interval(metric, (0.571, 0.653)) == "[57.1, 65.3]"
        assert wording.difference(metric, -0.042) == "−4.2 points"
        assert wording.detectable(metric, 0.042) == "4.2 points"


def test_other_metrics_keep_their_unit() -> None:
    assert not wording.is_share("bits_per_byte")
    assert wording.value("bits_per_byte", 2.0512) == "2.051"
    assert wording.interval("bits_per_byte", (2.0, 2.1)) == "[2.000, 2.100]"
    assert wording.difference("bits_per_byte", 0.031) == "+0.031"
    assert wording.detectable("bits_per_byte", 0.031) == "0.031"


def test_the_larger_a_value_the_fewer_its_decimals() -> None:
    assert [wording.value("perplexity", number) for number in (99.5, 313.5207, 4540.131)] == [
        "99.500", "313.5", "4,540",
    ]  # fmt: skip
    assert wording.interval("perplexity", (97.25, 1265.4)) == "[97, 1,265]"


def test_changes_have_no_unit() -> None:
    assert (wording.change("acc", 0.1), wording.change("mcc", -0.03)) == ("+10.0", "−0.030")
    assert wording.change("acc", None) == "–"


def test_large_values_are_powers_of_ten() -> None:
    assert wording.value("perplexity", 21_039_367_444.7) == "2.10e10"
    assert wording.interval("perplexity", (-1e6, 150.0)) == "[−1.00e6, 1.50e2]", "both ends alike"
    assert wording.difference("perplexity", 2e7) == "+2.00e7"


def test_what_was_not_measured_is_a_dash() -> None:
    assert (
        wording.value("acc", None) == wording.interval("acc", None) == wording.difference("acc", None) == "–"
    )


def test_p_values_and_verdicts() -> None:
    assert (wording.p_equals(0.031), wording.p_equals(1e-9)) == ("p = 0.031", "p < 0.0001")
    assert wording.tone_of(comparison(verdict="worse")) == "bad"
    assert wording.tone_of(comparison().model_copy(update={"verdict": None})) == "plain"


def test_names_are_as_short_as_tells_them_apart() -> None:
    assert wording.short_names(["r/tutor@1", "r/base@2"]) == {"r/tutor@1": "tutor", "r/base@2": "base"}
    assert list(wording.short_names(["r/tutor@1", "r/tutor@2"]).values()) == ["tutor@1", "tutor@2"]
    assert list(wording.short_names(["r/tutor@1", "s/tutor@1"]).values()) == ["r/tutor@1", "s/tutor@1"]


def test_lists_are_written_out() -> None:
    assert wording.listed([]) == ""
    assert wording.listed(["a"]) == "a"
    assert wording.listed(list("abc")) == "a, b and c"
    assert wording.listed(list("abcdefgh")) == "a, b, c, d, e and 3 more"
