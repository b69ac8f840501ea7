import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ontogeny.core.errors import ArtifactError
from ontogeny.lineage.ledger import ARTIFACT_COLUMNS, GENESIS, Entry, Ledger, derive, entry_digest


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def fill(ledger: Ledger, count: int = 4) -> None:
    for number in range(count):
        with ledger.write() as writer:
            writer.append("run", {"number": number})


def append_two(ledger: Ledger, first: float, second: float) -> None:
    with ledger.write() as writer:
        writer.append("run", {"number": first})
        writer.append("run", {"number": second})


def change(ledger: Ledger, statement: str) -> None:
    with sqlite3.connect(ledger.place) as connection:
        connection.execute(statement)


def test_nothing_is_created_by_reading(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.entries() == []
    assert ledger.problems() == []


def test_entries_are_chained(ledger: Ledger) -> None:
    fill(ledger)
    found = ledger.entries("run")
    assert [entry.seq for entry in found] == [1, 2, 3, 4]
    assert [entry.previous for entry in found] == [GENESIS, *[entry.digest for entry in found[:-1]]]
    for entry in found:
        assert entry.digest == entry_digest(
            seq=entry.seq, previous=entry.previous, kind=entry.kind, body=entry.body
        )
    assert ledger.problems() == []


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE entries SET body = '{\"number\":9}' WHERE seq = 2", 2),
        ("UPDATE entries SET body = 'not json' WHERE seq = 2", 2),
        ("UPDATE entries SET body = '{\"number\":NaN}' WHERE seq = 2", 2),
        ("UPDATE entries SET kind = 'promotion' WHERE seq = 3", 3),
        ("UPDATE entries SET digest = 'blake3:00' WHERE seq = 2", 2),
        ("DELETE FROM entries WHERE seq = 2", 3),
    ],
)
def test_a_changed_or_removed_row_is_named(ledger: Ledger, statement: str, row: int) -> None:
    fill(ledger)
    change(ledger, statement)
    assert row in [seq for seq, _ in ledger.problems()]


def test_a_failed_transaction_leaves_nothing(ledger: Ledger) -> None:
    fill(ledger, 1)
    with pytest.raises(ValueError, match="JSON compliant"):
        append_two(ledger, 1.0, float("nan"))
    assert len(ledger.entries()) == 1


def test_many_writers_make_one_chain(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fill(ledger, 3), range(4)))
    assert len(ledger.entries()) == 12
    assert ledger.problems() == []


def test_derived_tables_are_rebuilt_from_the_entries(ledger: Ledger) -> None:
    with ledger.write() as writer:
        for target in ("a/b@1", "a/b@2"):
            writer.append("promotion", {"alias": "production", "to": target})
    change(ledger, "DELETE FROM aliases")
    with ledger.write() as writer:
        assert writer.rebuild() == 2
    with sqlite3.connect(ledger.place) as connection:
        assert connection.execute("SELECT alias, target FROM aliases").fetchall() == [("production", "a/b@2")]


@pytest.mark.parametrize("body", ["not json", '{"alias":"production","to":"a/b@9"}'])
def test_nothing_is_rebuilt_from_a_chain_that_does_not_hold(ledger: Ledger, body: str) -> None:
    for target in ("a/b@1", "a/b@2"):
        with ledger.write() as writer:
            writer.append("promotion", {"alias": "production", "to": target})
    change(ledger, f"UPDATE entries SET body = '{body}' WHERE seq = 2")
    with (
        pytest.raises(ArtifactError, match="cannot be rebuilt from row 2") as caught,
        ledger.write() as writer,
    ):
        writer.rebuild()
    assert caught.value.where == f"{ledger.place}, row 2"
    with sqlite3.connect(ledger.place) as connection:
        assert connection.execute("SELECT target FROM aliases").fetchall() == [("a/b@2",)]


def test_an_entry_without_what_its_kind_has_is_named() -> None:
    with pytest.raises(ArtifactError, match="kind 'promotion' lacks what its kind has") as caught:
        derive([Entry(7, GENESIS, "blake3:00", "promotion", {"to": "a/b@1"})])
    assert caught.value.where == "row 7 of the ledger"


def test_a_lost_table_is_made_again_by_a_rebuild(ledger: Ledger) -> None:
    fill(ledger, 1)
    change(ledger, "DROP TABLE edges")
    with pytest.raises(ArtifactError, match="no such table: edges") as caught:
        ledger.audit()
    assert "store rebuild" in (caught.value.hint or "")
    with ledger.write() as writer:
        writer.rebuild()
    assert ledger.audit().differences == []


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"something else" * 100)
    with pytest.raises(ArtifactError, match="the ledger cannot be read") as caught:
        Ledger(f"sqlite:///{tmp_path / 'ledger.db'}").entries()
    assert caught.value.where == str(tmp_path / "ledger.db")


def test_a_body_that_is_no_json_is_named(ledger: Ledger) -> None:
    fill(ledger, 2)
    change(ledger, "UPDATE entries SET body = '{' WHERE seq = 2")
    with pytest.raises(ArtifactError, match="body of row 2 is not JSON"):
        ledger.entries()


def test_a_folder_that_is_not_there_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be written") as caught:
        fill(Ledger(f"sqlite:///{tmp_path / 'none' / 'ledger.db'}"))
    assert "--workspace" in (caught.value.hint or "")


def append_beyond_the_last_page(ledger: Ledger) -> None:
    with ledger.write() as writer:
        pages = writer._connection.exec_driver_sql("PRAGMA page_count").scalar()
        writer._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        writer.append("run", {"number": "x" * 100_000})


def test_a_full_disk_is_told_as_such_and_leaves_the_ledger_whole(ledger: Ledger) -> None:
    fill(ledger, 2)
    with pytest.raises(ArtifactError, match="cannot be written: database or disk is full") as caught:
        append_beyond_the_last_page(ledger)
    assert "free some space" in (caught.value.hint or "")
    assert [entry.body["number"] for entry in ledger.entries("run")] == [0, 1]
    assert ledger.problems() == []


def test_of_two_entries_for_one_artifact_the_first_counts() -> None:
    body = {**dict.fromkeys(ARTIFACT_COLUMNS, "x"), "name": "a/b@1", "inputs": []}
    twice = [Entry(seq, GENESIS, "blake3:00", "artifact", body) for seq in (3, 5)]
    assert [row["seq"] for row in derive(twice)["artifacts"]] == [3]
