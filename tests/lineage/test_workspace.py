import shutil
import sqlite3
from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.core.files import digest_file
from ontogeny.lineage.ledger import GENESIS, entry_digest
from ontogeny.lineage.manifest import Manifest
from ontogeny.lineage.registry import promote
from ontogeny.lineage.workspace import Workspace
from tests.lineage.conftest import Publish


def change(workspace: Workspace, statement: str) -> None:
    with sqlite3.connect(workspace.ledger.place) as connection:
        connection.execute(statement)


def test_versions_count_up_and_names_resolve(workspace: Workspace, publish: Publish) -> None:
    first, second = publish("base", text="one"), publish("base", text="two")
    assert (first.name, second.name) == ("demo/base@1", "demo/base@2")
    assert workspace.open("demo/base").name == "demo/base@2"
    assert workspace.open("demo/base@1").digest == first.digest
    assert workspace.verify() == []


def test_equal_payloads_have_equal_digests(publish: Publish) -> None:
    assert publish("base", text="same").digest == publish("other", text="same").digest


def test_a_name_that_is_not_there_is_answered_with_the_nearest(
    workspace: Workspace, publish: Publish
) -> None:
    publish("base")
    with pytest.raises(UsageError, match=r"no artifact or alias 'demo/bsae'.*Did you mean 'demo/base@1'"):
        workspace.open("demo/bsae")
    with pytest.raises(UsageError, match="no artifact"):
        workspace.open("../etc/passwd")


def test_reuse_is_by_fingerprint_and_needs_the_folder(workspace: Workspace, publish: Publish) -> None:
    made = publish("base", fingerprint="f1")
    found = workspace.reusable("f1")
    assert found is not None
    assert found.name == made.name
    assert workspace.reusable("f2") is None
    shutil.rmtree(made.path)
    assert workspace.reusable("f1") is None


def test_a_kill_between_rename_and_row_is_mended(
    workspace: Workspace, publish: Publish, tmp_path: Path
) -> None:
    made = publish("base")
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.artifacts, other.artifacts)
    assert [problem["what"] for problem in other.verify()] == ["the ledger does not know it"]
    other.prepare()
    assert other.open("demo/base").digest == made.digest
    assert other.verify() == []


def test_a_damaged_folder_is_not_adopted(workspace: Workspace, publish: Publish, tmp_path: Path) -> None:
    publish("base")
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.artifacts, other.artifacts)
    (other.artifacts / "demo" / "base@1" / "data.txt").write_text("changed")
    other.prepare()
    assert other.rows() == []


def damage_payload(folder: Path) -> None:
    data = bytearray((folder / "data.txt").read_bytes())
    data[0] ^= 1
    (folder / "data.txt").write_bytes(data)


def damage_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"seed":1', '"seed":2'))


@pytest.mark.parametrize(
    ("damage", "file", "what"),
    [
        (damage_payload, "data.txt", "content is not what the manifest recorded"),
        (lambda folder: (folder / "data.txt").unlink(), "data.txt", "missing"),
        (
            lambda folder: (folder / "data.txt").write_text("longer than it was"),
            "data.txt",
            "the manifest says",
        ),
        (lambda folder: (folder / "extra.txt").write_text("new"), "extra.txt", "does not know this file"),
        (damage_manifest, "manifest.json", "not the one that the ledger recorded"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json", "cannot be read"),
    ],
)
def test_verify_names_the_file(workspace: Workspace, publish: Publish, damage, file: str, what: str) -> None:
    made = publish("base")
    publish("other", text="whole")
    damage(made.path)
    (problem,) = workspace.verify()
    assert problem["artifact"] == made.name
    assert str(problem["file"]).endswith(file)
    assert what in str(problem["what"])
    assert workspace.verify("demo/other") == []


@pytest.mark.parametrize(
    ("statement", "row", "what"),
    [
        ("UPDATE aliases SET target = 'demo/corpus@1'", "table aliases, row production", "target: not what"),
        ("DELETE FROM aliases", "table aliases, row production", "missing"),
        ("INSERT INTO aliases VALUES ('evil', 'demo/base@1', 1)", "table aliases, row evil", "no entry"),
        ("UPDATE edges SET parent = 'demo/x@1'", "table edges, row demo/base@1 in0 demo/x@1", "no entry"),
        ("DELETE FROM edges", "table edges, row demo/base@1 in0 demo/corpus@1", "missing"),
        ("INSERT INTO edges SELECT * FROM edges", "row demo/base@1 in0 demo/corpus@1", "no entry"),
        (
            "UPDATE artifacts SET fingerprint = 'f9' WHERE step = 'base'",
            "table artifacts, row demo/base@1",
            "fingerprint: not what the entries say",
        ),
        (
            "UPDATE artifacts SET manifest_digest = 'blake3:00' WHERE step = 'base'",
            "table artifacts, row demo/base@1",
            "manifest_digest: not what the entries say",
        ),
        ("DELETE FROM artifacts WHERE step = 'base'", "table artifacts, row demo/base@1", "missing"),
    ],
)
def test_a_changed_derived_table_is_found_and_mended(
    workspace: Workspace, publish: Publish, statement: str, row: str, what: str
) -> None:
    promote(workspace, publish("base", inputs=(publish("corpus", kind="corpus"),)).name, "production")
    change(workspace, statement)
    for problems in (workspace.verify(), workspace.verify("demo/base"), workspace.verify("production")):
        told = [str(problem["what"]) for problem in problems if str(problem["file"]).endswith(row)]
        assert any(what in one and "ontogeny store rebuild" in one for one in told)
        assert all(problem["artifact"] is None for problem in problems)
    workspace.rebuild()
    assert workspace.verify() == []


def test_an_edited_manifest_is_found_though_the_table_agrees_with_it(
    workspace: Workspace, publish: Publish
) -> None:
    made = publish("base")
    damage_manifest(made.path)
    digest = digest_file(made.path / "manifest.json")
    change(workspace, f"UPDATE artifacts SET manifest_digest = '{digest}'")
    assert str(made.path / "manifest.json") in [problem["file"] for problem in workspace.verify("demo/base")]


def test_one_artifact_is_verified_with_the_whole_chain(workspace: Workspace, publish: Publish) -> None:
    publish("base")
    publish("other")
    change(workspace, "UPDATE entries SET body = '{}' WHERE seq = 2")
    assert [problem["file"] for problem in workspace.verify("demo/base")] == [
        f"{workspace.ledger.place}, row 2"
    ]
    assert "no entry of the ledger that holds records it" in [
        problem["what"] for problem in workspace.verify("demo/other")
    ]


def test_a_workspace_that_is_not_there_cannot_be_verified_or_rebuilt(tmp_path: Path) -> None:
    for action in (Workspace(tmp_path / "none").verify, Workspace(tmp_path).rebuild):
        with pytest.raises(UsageError, match="there is no workspace in") as caught:
            action()
        assert "--workspace" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_that_is_not_there_cannot_be_verified(workspace: Workspace, publish: Publish) -> None:
    publish("base")
    with pytest.raises(UsageError, match="Did you mean 'demo/base@1'"):
        workspace.verify("demo/bsae")


def test_a_lost_row_is_rebuilt_and_never_recorded_twice(workspace: Workspace, publish: Publish) -> None:
    made = publish("base", text="one")
    change(workspace, "DELETE FROM artifacts")
    workspace.prepare()
    assert len(workspace.ledger.entries("artifact")) == 1
    assert workspace.rebuild() == {"entries": 1, "artifacts": 1, "adopted": 0}
    assert workspace.open("demo/base").digest == made.digest
    assert workspace.verify() == []


def test_a_lost_row_gives_no_version_away(workspace: Workspace, publish: Publish) -> None:
    shutil.rmtree(publish("base", text="one").path)
    change(workspace, "DELETE FROM artifacts")
    assert publish("base", text="two").name == "demo/base@2"


def test_rebuilding_adopts_what_is_unrecorded(workspace: Workspace, publish: Publish, tmp_path: Path) -> None:
    publish("base")
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.artifacts, other.artifacts)
    assert other.rebuild() == {"entries": 1, "artifacts": 1, "adopted": 1}
    assert other.verify() == []


@pytest.mark.parametrize("body", ["replace(body, 'demo/base@1', 'demo/evil@1')", "'not json'"])
def test_nothing_is_rebuilt_from_a_tampered_entry(workspace: Workspace, publish: Publish, body: str) -> None:
    publish("base")
    change(workspace, f"UPDATE entries SET body = {body}")
    with pytest.raises(ArtifactError, match="cannot be rebuilt from row 1: its content is not"):
        workspace.rebuild()
    assert [row.name for row in workspace.rows()] == ["demo/base@1"]


def test_an_artifact_needs_a_name_that_stays_in_its_folder(workspace: Workspace, tmp_path: Path) -> None:
    def describe(version: int, head: str) -> Manifest:
        pytest.fail("refused before it is described")

    for recipe, step in (("demo", "../../evil"), ("..", "base"), ("demo", "")):
        with pytest.raises(ArtifactError, match="cannot be part of an artifact's name") as caught:
            workspace.publish(tmp_path, describe, recipe=recipe, step=step)
        assert "letters" in (caught.value.hint or "")


def test_a_damaged_artifact_is_refused_where_it_would_be_used(workspace: Workspace, publish: Publish) -> None:
    made = publish("base", fingerprint="f1")
    (made.path / "data.txt").write_text("longer than it was")
    with pytest.raises(ArtifactError, match="demo/base@1 is damaged") as caught:
        workspace.reusable("f1")
    assert caught.value.where == str(made.path / "data.txt")


def test_an_edited_manifest_is_refused(workspace: Workspace, publish: Publish) -> None:
    damage_manifest(publish("base").path)
    with pytest.raises(ArtifactError, match="not the one that the ledger recorded"):
        workspace.open("demo/base")


def test_a_ledger_chained_anew_without_a_row_shows(workspace: Workspace, publish: Publish) -> None:
    publish("base")
    publish("other")
    body = workspace.ledger.entries()[1].body
    forged = entry_digest(seq=1, previous=GENESIS, kind="artifact", body=body)
    change(workspace, "DELETE FROM entries WHERE seq = 1")
    change(workspace, f"UPDATE entries SET seq = 1, previous = '{GENESIS}', digest = '{forged}'")
    assert workspace.ledger.problems() == []
    assert any("lost the row" in str(problem["what"]) for problem in workspace.verify())


def test_the_environment_names_the_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "home"))
    assert Workspace.default().root == tmp_path / "home"
    assert Workspace.default(tmp_path / "given").root == tmp_path / "given"
    monkeypatch.delenv("ONTOGENY_HOME")
    monkeypatch.chdir(tmp_path)
    assert Workspace.default().root == tmp_path / ".ontogeny"
