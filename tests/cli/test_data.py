"""`ontogeny data`, as typed, on a finished workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.conftest import Life


@pytest.mark.parametrize("verb", ["report", "sample"])
def test_every_verb_has_help_with_an_example(command: Command, verb: str) -> None:
    helped = command("data", verb, "--help")
    assert helped.code == 0
    assert f"Example: ontogeny data {verb}" in helped.out


def test_report(command: Command, life: Life, tmp_path: Path) -> None:
    said = command("data", "report", "smoke/corpus")
    assert said.code == 0
    assert Path(said.out.strip()) == life.workspace / "reports" / "smoke-corpus@1" / "report.html"
    reference = tmp_path / "exam.txt"
    reference.write_text("What does a module of the standard library do?")
    figures = command(
        "data",
        "report",
        "smoke/corpus",
        "--out",
        str(tmp_path / "out"),
        "--reference",
        str(reference),
        "--json",
    ).json
    assert figures["relevance"]["exam"]["documents"] == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html",
        "figures.json",
        "croissant.json",
    }
    assert command("verify").code == 0
    refused = command("data", "report", "smoke/tokens", "--reference", str(reference))
    assert refused.code == 2
    assert "holds tokens, and `--reference` compares the words of a corpus" in refused.err
    refused = command("data", "report", "smoke/tokenizer")
    assert refused.code == 1
    assert "no figures of a corpus" in refused.err


def test_report_of_tokens(command: Command, life: Life, tmp_path: Path) -> None:
    said = command("data", "report", "smoke/tokens", "--out", str(tmp_path / "out"), "--json").json
    assert said["vocabulary"]["size"] == 512
    assert said["packing"][0]["seq_len"] == 512
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "figures.json"}
    assert "smoke/tokens@1" in (tmp_path / "out" / "report.html").read_text()


def test_sample(command: Command, life: Life) -> None:
    drawn = command("data", "sample", "smoke/corpus", "--count", "2", "--json").json
    assert len(drawn) == 2
    assert drawn[0]["text"]
    assert drawn == command("data", "sample", "smoke/corpus", "--count", "2", "--json").json
    assert drawn[0]["locator"] in command("data", "sample", "smoke/corpus", "--count", "2").out
    dropped = command("data", "sample", "smoke/corpus", "--dropped", "no_documentation", "--count", "1")
    assert "no_documentation" in dropped.out
    refused = command("data", "sample", "smoke/corpus", "--dropped", "no_documentatio")
    assert refused.code == 2
    assert "Did you mean 'no_documentation'" in refused.err
