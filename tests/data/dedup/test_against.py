"""New documents held against corpora made before: the outcome is that of curating all at once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

import ontogeny
from ontogeny.core.errors import DataError, RecipeError
from ontogeny.data import intake
from ontogeny.data.curate import Treatment, curate
from ontogeny.data.dedup import against
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.step import CURATE
from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.fingerprint import material
from ontogeny.lineage.manifest import Manifest
from ontogeny.lineage.step import references
from ontogeny.recipe.run import StepResult
from tests.data.conftest import Made, run_step
from tests.data.test_groups import portion_of
from tests.notes import Notes

LETTERS = "abcdefghijklmnop"
Random = random.Random


def prose(count: int, generator: Random) -> str:
    return " ".join("".join(generator.choices(LETTERS, k=generator.randint(3, 9))) for _ in range(count))


def shorter(text: str, generator: Random) -> str:
    """A near copy of `text` with fewer bytes: some words gone, one other in place of another."""
    words = text.split()
    for _ in range(len(words) // 40):
        words.pop(generator.randrange(len(words)))
    words[generator.randrange(len(words))] = "z"
    return " ".join(words)


def excerpt(text: str, generator: Random) -> str:
    """Two thirds of `text`."""
    words = text.split()
    start = generator.randrange(len(words) // 3)
    return " ".join(words[start : start + 2 * len(words) // 3])


def grown(seed: int) -> tuple[list[str], list[str]]:
    """Texts of an old corpus and of a new one, which has copies of its own and shorter ones of the old."""
    generator = Random(seed)
    old = [prose(generator.randint(180, 400), generator) for _ in range(24)]
    fresh = [prose(generator.randint(180, 400), generator) for _ in range(16)]
    new = [*fresh, *old[:4], fresh[0].upper(), *(excerpt(text, generator) for text in fresh[1:4])]
    new += [shorter(text, generator) for text in old[4:9]] + [excerpt(text, generator) for text in old[9:13]]
    new += [excerpt(shorter(text, generator), generator) for text in (*old[4:6], *old[13:15])]
    old += [shorter(old[20], generator), excerpt(old[21], generator)]
    return generator.sample(old, len(old)), generator.sample(new, len(new))


@dataclass(frozen=True)
class Corpora:
    """Corpora made in a folder, one after the other."""

    folder: Path

    def make(
        self,
        name: str,
        sources: Mapping[str, Sequence[str | dict[str, str]]],
        *,
        against: Sequence[Artifact] = (),
        dedup: Mapping[str, object] | None = None,
        noted: Notes | None = None,
        workers: int = 1,
        again: bool = False,
        **settings: object,
    ) -> Made:
        """The corpus of `sources`, texts or whole rows by their names, held against those made before."""
        folder = self.folder / name
        folder.mkdir(exist_ok=again)
        listed = []
        for source, rows in sources.items():
            path = folder / f"{source}.jsonl"
            path.write_text(
                "".join(json.dumps(row if isinstance(row, dict) else {"text": row}) + "\n" for row in rows)
            )
            listed.append({"type": "jsonl", "path": str(path), "name": source})
        names = [f"old-{number}" for number in range(len(against))]
        whole = {
            "sources": listed,
            "held_out_fraction": 0.0,
            "dedup": {"type": "near", **({"against": names} if names else {}), **(dedup or {})},
            **settings,
        }
        inputs = {f"dedup.against.{number}": each for number, each in enumerate(against)}
        if again:
            rmtree(folder / "payload")
        return run_step(CURATE, whole, folder, inputs=inputs, noted=noted, workers=workers, exist_ok=again)

    def artifact(self, name: str, made: Made, **config: object) -> Artifact:
        """`made` as the runner would hand it to a later step."""
        files = record_files(made.payload)
        manifest = Manifest.model_construct(recipe="demo", step=name, version=1, files=files, config=config)
        return Artifact(made.payload, manifest)

    def old(self, texts: Sequence[str | dict[str, str]], name: str = "old") -> Artifact:
        """The corpus of `texts`, made before."""
        return self.artifact(name, self.make(name, {"past": texts}))


@pytest.fixture
def corpora(tmp_path: Path) -> Corpora:
    return Corpora(tmp_path)


def texts_of(made: Made) -> list[str]:
    return [str(row["text"]) for row in made.rows()]


def dropped(made: Made) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(made.payload / "dropped.parquet").to_pylist()
    return rows


def figures_of(made: Made) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((made.payload / "figures.json").read_text())
    return figures


@pytest.mark.parametrize("kind", ["exact", "near"])
@pytest.mark.parametrize("seed", range(4))
def test_both_corpora_hold_what_curating_all_at_once_keeps(corpora: Corpora, seed: int, kind: str) -> None:
    old, new = grown(seed)
    dedup = {"type": kind, "max_source_loss": None}
    whole = corpora.make("whole", {"past": old, "present": new}, dedup=dedup)
    first = corpora.make("old", {"past": old}, dedup=dedup)
    grew = corpora.make("new", {"present": new}, dedup=dedup, against=[corpora.artifact("old", first)])
    assert sorted([*texts_of(first), *texts_of(grew)]) == sorted(texts_of(whole))
    lost = grew.outputs.metrics["dropped"]
    assert lost["exact_duplicate_of_old"] == 4
    if kind == "near":
        assert lost["near_duplicate_of_old"] == 13
        assert lost["near_duplicate"] == 4


def test_neither_workers_nor_portions_nor_the_division_of_the_old_corpus_change_a_byte(
    corpora: Corpora, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = grown(9)
    artifact = corpora.old(old)
    one = corpora.make("one", {"present": new}, against=[artifact])
    (part,) = artifact.path.glob("part-*.parquet")
    table = pq.read_table(part)
    pq.write_table(table.slice(10), part, row_group_size=3)
    pq.write_table(table.slice(0, 10), artifact.path / "part-00001.parquet", row_group_size=2)
    divided = Artifact(
        artifact.path, artifact.manifest.model_copy(update={"files": record_files(artifact.path)})
    )
    monkeypatch.setattr(against.files, "UNIT_BYTES", 3_000)
    monkeypatch.setattr(intake, "BUNDLE_BYTES", 1)
    monkeypatch.setattr(intake, "PORTION_BYTES", 4_000)
    two = corpora.make("two", {"present": new}, against=[divided], workers=2)
    assert len(list((corpora.folder / "two/scratch/units").iterdir())) > 4
    assert one.outputs == two.outputs
    for name in ("part-00000.parquet", "dropped.parquet"):
        ours, theirs = (pq.read_table(made.payload / name) for made in (one, two))
        detail = [each for each in ours.column_names if each not in ("locator", "detail")]
        assert ours.select(detail).equals(theirs.select(detail))


def test_each_drop_names_the_old_document_and_its_corpus(corpora: Corpora) -> None:
    generator = Random(1)
    texts = [prose(200, generator) for _ in range(5)]
    both = [corpora.old(texts[:2], "a"), corpora.old(texts[2:3], "b")]
    new = [texts[0], shorter(texts[1], generator), excerpt(texts[2], generator), texts[3], texts[4]]
    made = corpora.make("new", {"present": new}, against=both)
    assert sorted(texts_of(made)) == sorted(texts[3:])
    ids = {row["text"]: row["doc_id"] for each in both for row in Made(each.path, made.outputs).rows()}
    told = {row["text"]: (row["reason"], row["detail"]) for row in dropped(made)}
    assert told[new[0]][0] == "exact_duplicate_of_old"
    assert told[new[0]][1].startswith(f"same content as {ids[texts[0]]} at ")
    assert told[new[0]][1].endswith(" in demo/a@1")
    for text, copy, name in ((texts[1], new[1], "demo/a@1"), (texts[2], new[2], "demo/b@1")):
        assert told[copy][0] == "near_duplicate_of_old"
        assert f"near copy of {ids[text]} at " in told[copy][1]
        assert told[copy][1].endswith(f" in {name}")
    figures = figures_of(made)
    a, b = figures["against"]["demo/a@1"], figures["against"]["demo/b@1"]
    assert [a[key] for key in ("documents", "exact", "near")] == [2, 1, 1]
    assert [b[key] for key in ("documents", "exact", "near")] == [1, 0, 1]
    assert a["example"]["went"]["text"] == new[1][: against.SHOWN_CHARS]
    assert a["example"]["stays"]["doc_id"] == ids[texts[1]]
    assert not figures["duplicates"]  # clusters are of this corpus' own documents
    page = (made.payload / "report.html").read_text()
    assert "3 documents went since a corpus made before has them" in page
    assert "a copy of a document of demo/b@1" in page
    assert "near_duplicate_of_old" in page


def test_an_old_document_inside_a_longer_new_one_drops_neither(corpora: Corpora) -> None:
    generator = Random(2)
    part = prose(150, generator)
    longer = f"{part} {prose(200, generator)}"
    made = corpora.make("new", {"present": [longer]}, against=[corpora.old([part])])
    assert texts_of(made) == [longer]
    assert made.outputs.metrics["dropped"] == {}
    together = corpora.make("whole", {"past": [part], "present": [longer]})
    assert together.outputs.metrics["dropped"] == {"near_duplicate": 1}


def test_the_old_document_stays_whichever_copy_is_longer_or_scores_higher(corpora: Corpora) -> None:
    generator = Random(3)
    text = prose(200, generator)
    longer = f"{text} and one word more than the old one has"
    for number, keep in enumerate(({}, {"keep": "first"}, {"keep": "score", "score": "bytes"})):
        old = corpora.old([text], f"old-{number}")
        made = corpora.make(
            f"new-{number}", {"present": [longer, prose(200, generator)]}, against=[old], dedup=keep
        )
        assert made.outputs.metrics["dropped"] == {"near_duplicate_of_old": 1}


def test_what_was_read_of_a_corpus_once_is_not_read_again(
    corpora: Corpora, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = grown(5)
    artifact = corpora.old(old)
    corpora.make("new", {"present": new}, against=[artifact], dedup={"type": "exact"})
    monkeypatch.setattr(against, "read_corpus", unreadable)
    near = corpora.make("new", {"present": new}, against=[artifact], again=True)
    monkeypatch.setattr(intake, "_computed", unreadable)
    stricter = corpora.make("new", {"present": new}, against=[artifact], dedup={"jaccard": 0.9}, again=True)
    for made in (near, stricter):
        assert made.outputs.metrics["dropped"]["exact_duplicate_of_old"] == 4
        assert made.outputs.metrics["dropped"]["near_duplicate_of_old"] == 13


def unreadable(*_: object) -> Iterator[object]:
    raise AssertionError("nothing is to be read")


def test_a_new_document_under_the_id_of_an_old_one_gets_its_own(corpora: Corpora) -> None:
    generator = Random(4)
    pages = [prose(200, generator) for _ in range(3)]
    old = corpora.old([{"id": "page", "text": pages[0]}])
    rows = [{"id": "page", "text": text} for text in pages[1:]]
    noted = Notes()
    made = corpora.make("new", {"past": rows}, against=[old], noted=noted)
    ids = [str(row["doc_id"]) for each in (Made(old.path, made.outputs), made) for row in each.rows()]
    assert len(set(ids)) == 3
    assert noted.said[0].startswith("2 documents share an `id` with another one")


def test_losing_most_to_old_corpora_is_no_alarm_and_losing_it_to_itself_is(corpora: Corpora) -> None:
    generator = Random(6)
    texts = [prose(60, generator) for _ in range(40)]
    made = corpora.make("new", {"present": texts}, against=[corpora.old(texts[:35])])
    assert made.outputs.metrics["documents_kept"] == 5
    own = [*texts[30:39], *[texts[39]] * 26]
    with pytest.raises(DataError, match=r"take 25 of the 35 documents of source 'present'"):
        corpora.make("own", {"present": [*texts[:15], *own]}, against=[corpora.old(texts[:15], "less")])


def test_a_corpus_that_holds_all_of_it_leaves_nothing_and_says_so(corpora: Corpora) -> None:
    old, _ = grown(7)
    with pytest.raises(DataError, match="were dropped as exact_duplicate_of_old") as error:
        corpora.make("new", {"present": old}, against=[corpora.old(old)])
    assert "give sources that are new" in str(error.value.hint)


def test_sources_without_a_document_are_named_rather_than_the_old_corpus(tmp_path: Path) -> None:
    old = portion_of(tmp_path / "portion-00000", ["an old text"])
    treatment = Treatment(dedup=NearDedup(against=("old",)))
    with pytest.raises(DataError, match="the sources hold no document"):
        curate([], treatment, payload=tmp_path, against={"old": [old]})


def test_edits_rules_items_and_passages_are_the_new_documents_alone(corpora: Corpora) -> None:
    """Old documents have none of the columns that rules decide over, and are in no file of the new corpus."""
    generator = Random(8)
    question = (
        "Which of the seven hills of Rome did the emperor climb on the morning of his last journey north?"
    )
    items = corpora.folder / "items.jsonl"
    items.write_text(json.dumps({"question": question, "answer": "the Caelian", "id": "q1"}) + "\n")
    passage = prose(80, generator)
    old = [prose(200, generator), f"{prose(90, generator)} {passage}", question]
    new = [
        *(f"{prose(120, generator)} {passage}" for _ in range(2)),
        f"{prose(200, generator)} {question} It was the Caelian.",
        f"{prose(200, generator)} write.to.me@example.org",
        shorter(old[0], generator),
    ]
    made = corpora.make(
        "new",
        {"present": new},
        against=[corpora.old(old)],
        dedup={"keep": "score", "score": "words"},
        rules=[
            {"type": "mask-pii"},
            {"type": "expression", "drop": "words < 3", "reason": "tiny"},
            {"type": "decontaminate", "against": [str(items)]},
        ],
        spans={},
    )
    assert made.outputs.metrics["dropped"] == {"contaminated": 1, "near_duplicate_of_old": 1}
    assert made.outputs.metrics["documents_read"] == len(new)
    assert {row["source"] for row in (*made.rows(), *dropped(made))} == {"present"}
    assert sum(passage in text for text in texts_of(made)) == 1
    (found,) = pq.read_table(made.payload / "contamination.parquet").to_pylist()
    assert (found["item"], found["kept"]) == ("q1", False)


def test_what_another_normalisation_may_miss_is_said(corpora: Corpora) -> None:
    generator = Random(10)
    text = prose(200, generator)
    first = corpora.make("old", {"past": [f"{text} \ufb01ne"]}, normalise={"unicode": "NFKC"})
    old = corpora.artifact("old", first, normalise={"unicode": "NFKC"})
    noted = Notes()
    made = corpora.make(
        "new", {"present": [f"{text} \ufb01ne", prose(90, generator)]}, against=[old], noted=noted
    )
    assert made.outputs.metrics["dropped"] == {"near_duplicate_of_old": 1}
    assert noted.said[0].startswith(
        'demo/old@1 was made with normalise {"unicode":"NFKC"}, and this step has'
    )
    composed = corpora.make("raw", {"past": ["cafe\u0301 " + text]}, normalise={"unicode": None})
    raw = corpora.artifact("raw", composed, normalise={"unicode": None})
    again = corpora.make("again", {"present": ["caf\u00e9 " + text, prose(90, generator)]}, against=[raw])
    assert again.outputs.metrics["dropped"] == {"exact_duplicate_of_old": 1}


def test_a_damaged_part_is_named(corpora: Corpora) -> None:
    old, new = grown(11)
    artifact = corpora.old(old)
    (part,) = artifact.path.glob("part-*.parquet")
    data = bytearray(part.read_bytes())
    data[100:2000] = bytes(1900)
    part.write_bytes(data)
    with pytest.raises(DataError, match="a corpus to be held against cannot be read") as error:
        corpora.make("new", {"present": new}, against=[artifact])
    assert error.value.where == str(part)


def test_corpora_are_named_once_and_are_inputs_whatever_their_name() -> None:
    sources = [{"type": "python-docs"}]
    configs = [
        CURATE.config.model_validate({"sources": sources, "dedup": {"type": kind, "against": names}})
        for kind, names in (("near", "old"), ("near", ["other"]), ("exact", ["old", "demo/more@2"]))
    ]
    found = [[(each.role, each.name, each.kinds) for each in references(config)] for config in configs]
    assert found[0] == [("dedup.against.0", "old", ("corpus",))]
    assert [role for role, _, _ in found[2]] == ["dedup.against.0", "dedup.against.1"]
    assert material(configs[0]) == material(configs[1])
    with pytest.raises(ValidationError, match="the corpus 'old' is named twice"):
        CURATE.config.model_validate({"sources": sources, "dedup": {"type": "near", "against": ["old"] * 2}})


RECIPE = """
recipe: demo
seed: 7
steps:
  old: {{step: curate, held_out_fraction: 0.0, sources: [{{type: jsonl, path: {old}, name: past}}]}}
  new:
    step: curate
    held_out_fraction: 0.0
    sources: [{{type: jsonl, path: {new}, name: present}}]
    dedup: {{type: near, against: {against}}}
"""


def run(
    folder: Path, old: Sequence[str], new: Sequence[str], against: str = "[old]"
) -> dict[str, StepResult]:
    for name, texts in (("old", old), ("new", new)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(old=folder / "old.jsonl", new=folder / "new.jsonl", against=against))
    result = ontogeny.run(recipe, workspace=folder / "ws", device="cpu")
    assert result.status == "done"
    return {step.name: step for step in result.steps}


def kept_by(step: StepResult) -> int:
    assert step.artifact is not None
    return int(step.artifact.manifest.metrics["documents_kept"])


def test_the_corpus_is_an_input_and_another_version_of_it_decides_anew(tmp_path: Path) -> None:
    old, new = grown(12)
    first = run(tmp_path, old[:10], new)
    assert [first[name].status for name in ("old", "new")] == ["done", "done"]
    manifest = ontogeny.open_workspace(tmp_path / "ws").open("demo/new").manifest
    assert [(each.role, each.name) for each in manifest.inputs] == [("dedup.against.0", "demo/old@1")]
    assert {step.status for step in run(tmp_path, old[:10], new).values()} == {"reused"}
    second = run(tmp_path, old, new)
    assert [second[name].status for name in ("old", "new")] == ["done", "done"]
    assert kept_by(first["new"]) > kept_by(second["new"])


def test_a_corpus_against_itself_and_what_is_no_corpus_are_refused_before_the_run(tmp_path: Path) -> None:
    old, new = grown(13)
    with pytest.raises(RecipeError, match="the steps wait for each other: new -> new"):
        run(tmp_path, old, new, "[old, new]")
    with pytest.raises(RecipeError, match=r"dedup\.against\.0: there is no step, artifact or alias 'odl'"):
        run(tmp_path, old, new, "odl")
    run(tmp_path, old, new)
    later = run(tmp_path, old, [*new, prose(200, Random(14))], "[old, demo/new@1]")
    assert kept_by(later["new"]) == 1
