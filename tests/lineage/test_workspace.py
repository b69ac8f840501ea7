import shutil
import threading
from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.lineage.workspace import Workspace
from tests.lineage.conftest import Publish


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


def test_scratch_is_held_by_one_and_waited_for_by_others(workspace: Workspace) -> None:
    order: list[str] = []
    waited, inside = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait()
        with Workspace(workspace.root).scratch("blake3:ab", waiting=waited.set):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with workspace.scratch("blake3:ab", waiting=lambda: pytest.fail("nobody holds it")) as folder:
        (folder / "kept").write_text("x")
        inside.set()
        waited.wait()
        assert workspace.collect_garbage() == {"scratch_folders": 0, "bytes": 0}
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert workspace.collect_garbage() == {"scratch_folders": 1, "bytes": 1}


def test_a_cut_tail_of_the_ledger_shows(workspace: Workspace, publish: Publish) -> None:
    import sqlite3

    publish("base")
    publish("other")
    with sqlite3.connect(workspace.ledger.place) as connection:
        connection.execute("DELETE FROM entries WHERE seq = 1")
        connection.execute("UPDATE entries SET seq = 1")
    assert any("lost the row" in str(problem["what"]) for problem in workspace.verify())


def test_the_environment_names_the_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONTOGENY_HOME", str(tmp_path / "home"))
    assert Workspace.default().root == tmp_path / "home"
    assert Workspace.default(tmp_path / "given").root == tmp_path / "given"
    monkeypatch.delenv("ONTOGENY_HOME")
    monkeypatch.chdir(tmp_path)
    assert Workspace.default().root == tmp_path / ".ontogeny"
