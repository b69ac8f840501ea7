from pathlib import Path

from ontogeny.data.signals.toxicity import TOXIC_WORD_RATE, own_list, toxicity_signals
from ontogeny.data.texts import Texts
from ontogeny.data.word_files import read_words


def rates(strings: list[str], path: Path) -> list[float]:
    group = toxicity_signals(path)
    assert group.columns == (TOXIC_WORD_RATE,)
    return [round(float(rate), 4) for rate in group.compute(Texts.of(strings))[TOXIC_WORD_RATE]]


def test_the_rate_is_listed_words_over_words(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# mine\nFoul\nnaïve # here\ndon't\n\n")
    assert read_words(path) == ("don't", "foul", "naïve")
    texts = ["foul, FOUL! afoul fouls", "naïve don't", "", "...", "a foul", "foul"]
    assert rates(texts, path) == [0.5, 1, 0, 0, 0.5, 1]


def test_another_list_has_another_version(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("foul\n")
    before = toxicity_signals(path).version
    path.write_text("foul\nvile\n")
    assert len({before, toxicity_signals(path).version, toxicity_signals().version}) == 3


def test_our_list_is_short_and_in_order() -> None:
    words = read_words(own_list())
    assert 50 < len(words) < 200
    lines = [line for line in own_list().read_text().splitlines() if not line.startswith("#")]
    assert lines == list(words), "alphabetical, small letters, each once"
