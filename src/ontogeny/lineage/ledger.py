"""The ledger: one append-only, hash-chained table of everything that happened in a workspace.

    entries(seq, previous, digest, kind, body)      digest = BLAKE3(canonical JSON of seq, previous, kind, body)

Artifacts, runs and promotions are entries. The other tables (`artifacts`, `edges`, `aliases`) answer common questions,
are written in the same transaction, and can be rebuilt from the entries at any time: `derive` says what they must
hold, and `audit` holds them against it. This code has no UPDATE and no DELETE of an entry. Writers are serialised:
BEGIN IMMEDIATE on SQLite, an advisory lock on PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import NO_SPACE, canonical_json, digest_json

GENESIS = "blake3:" + "0" * 64  # the `previous` of the first entry
BUSY_TIMEOUT_S = 60.0  # how long a writer waits for another one
ADVISORY_LOCK = 0x6F6E746F  # "onto"; the key of the writers' lock on PostgreSQL

_metadata = sql.MetaData()
entries = sql.Table(
    "entries",
    _metadata,
    sql.Column("seq", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("previous", sql.Text, nullable=False),
    sql.Column("digest", sql.Text, nullable=False, unique=True),
    sql.Column("kind", sql.Text, nullable=False),
    sql.Column("body", sql.Text, nullable=False),
)
artifacts = sql.Table(
    "artifacts",
    _metadata,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("recipe", sql.Text, nullable=False),
    sql.Column("step", sql.Text, nullable=False),
    sql.Column("version", sql.Integer, nullable=False),
    sql.Column("kind", sql.Text, nullable=False),
    sql.Column("fingerprint", sql.Text, nullable=False, index=True),
    sql.Column("digest", sql.Text, nullable=False, index=True),
    sql.Column("manifest_digest", sql.Text, nullable=False),
    sql.Column("seq", sql.Integer, nullable=False),
)
edges = sql.Table(
    "edges",
    _metadata,
    sql.Column("child", sql.Text, nullable=False, index=True),
    sql.Column("role", sql.Text, nullable=False),
    sql.Column("parent", sql.Text, nullable=False, index=True),
)
aliases = sql.Table(
    "aliases",
    _metadata,
    sql.Column("alias", sql.Text, primary_key=True),
    sql.Column("target", sql.Text, nullable=False),
    sql.Column("seq", sql.Integer, nullable=False),
)
DERIVED = (artifacts, edges, aliases)
ARTIFACT_COLUMNS = tuple(column.name for column in artifacts.columns if column.name != "seq")


@dataclass(frozen=True)
class Entry:
    """One row. `body` is the parsed JSON."""

    seq: int
    previous: str
    digest: str
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """What the ledger says of itself, read in one moment."""

    entries: list[Entry]  # those whose content is what was recorded
    problems: list[tuple[int, str]]  # (row, what) in the chain
    differences: list[tuple[str, str]]  # (table and row, what); empty where the chain does not hold


Rows = dict[str, list[dict[str, Any]]]  # table -> rows, each column -> value


def entry_digest(*, seq: int, previous: str, kind: str, body: dict[str, Any]) -> str:
    """The digest that chains an entry to the one before it."""
    return digest_json({"seq": seq, "previous": previous, "kind": kind, "body": body})


def walk(rows: Iterable[Any]) -> tuple[list[Entry], list[tuple[int, str]]]:
    """The entries whose content is what was recorded, and (row, what) for each row that does not hold."""
    sound, problems = [], []
    previous, expected = GENESIS, 1
    for row in rows:
        entry = _sound_entry(row)
        if row.seq != expected:
            problems.append((row.seq, f"row {expected} is missing before it"))
        if row.previous != previous:
            problems.append((row.seq, "it does not follow from the row before it"))
        if entry is None:
            problems.append((row.seq, "its content is not what was recorded"))
        else:
            sound.append(entry)
        previous, expected = row.digest, row.seq + 1
    return sound, problems


def derive(found: Iterable[Entry]) -> Rows:
    """What the derived tables hold after these entries. Of two entries for one artifact the first counts.

    Raises:
        ArtifactError: an entry lacks what its kind has; names the row.
    """
    made: dict[str, dict[str, Any]] = {}
    used: list[dict[str, Any]] = []
    pointed: dict[str, dict[str, Any]] = {}
    for entry in found:
        body = entry.body
        try:
            if entry.kind == "artifact" and body["name"] not in made:
                recorded = {column: body[column] for column in ARTIFACT_COLUMNS}
                made[body["name"]] = {**recorded, "seq": entry.seq}
                used += [
                    {"child": body["name"], "role": use["role"], "parent": use["name"]}
                    for use in body["inputs"]
                ]
            elif entry.kind == "promotion":
                pointed.pop(body["alias"], None)
                if body["to"] is not None:
                    pointed[body["alias"]] = {"alias": body["alias"], "target": body["to"], "seq": entry.seq}
        except (KeyError, TypeError) as error:
            raise ArtifactError(
                f"an entry of kind {entry.kind!r} lacks what its kind has ({error})",
                where=f"row {entry.seq} of the ledger",
                hint="restore the ledger from a copy",
            ) from error
    return {"artifacts": list(made.values()), "edges": used, "aliases": list(pointed.values())}


class Ledger:
    """The ledger behind a SQLAlchemy URL. Nothing is created before the first write."""

    def __init__(self, url: str) -> None:
        self.url = sql.make_url(url)
        self._sqlite = self.url.get_backend_name() == "sqlite"
        arguments = {"timeout": BUSY_TIMEOUT_S} if self._sqlite else {}
        self._engine = sql.create_engine(self.url, poolclass=NullPool, connect_args=arguments)
        if self._sqlite:
            sql.event.listen(self._engine, "connect", _leave_transactions_to_us)
        self._begin = "BEGIN IMMEDIATE" if self._sqlite else f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"

    @property
    def place(self) -> str:
        """The file of the ledger, or its URL without the password."""
        return str(self.url.database) if self._sqlite else self.url.render_as_string(hide_password=True)

    @contextmanager
    def write(self) -> Iterator[LedgerWriter]:
        """One serialised transaction: committed as a whole, or not at all.

        Raises:
            ArtifactError: the ledger cannot be written; names the file and the cause.
        """
        with self._translated("written"), self._engine.connect() as connection:
            connection.exec_driver_sql(self._begin)
            try:
                _metadata.create_all(connection)
                yield LedgerWriter(connection, self.place)
            except BaseException:
                self._roll_back(connection)
                raise
            connection.exec_driver_sql("COMMIT") if self._sqlite else connection.commit()

    def _roll_back(self, connection: sql.Connection) -> None:
        if not self._sqlite:
            connection.rollback()
        elif (raw := connection.connection.dbapi_connection) is not None and raw.in_transaction:
            connection.exec_driver_sql("ROLLBACK")  # on a full disk SQLite has rolled back already

    def exists(self) -> bool:
        """Whether anything was ever written."""
        if self._sqlite and not Path(self.place).exists():
            return False
        with self._translated("read"), self._engine.connect() as connection:
            return sql.inspect(connection).has_table("entries")

    def read(self, query: sql.Select[Any]) -> list[Any]:
        """The rows that `query` selects; none where nothing was ever written."""
        return self.read_together([query])[0]

    def read_together(self, queries: Sequence[sql.Select[Any]]) -> list[list[Any]]:
        """The rows that each query selects, all as of one moment."""
        if not self.exists():
            return [[] for _ in queries]
        with self._translated("read"), self._engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            return [list(connection.execute(query).all()) for query in queries]

    def entries(self, kind: str | None = None) -> list[Entry]:
        """All entries, or those of one kind, in order."""
        query = sql.select(entries).order_by(entries.c.seq)
        if kind is not None:
            query = query.where(entries.c.kind == kind)
        return _parsed(self.read(query), self.place)

    def problems(self) -> list[tuple[int, str]]:
        """(row, what) for each row that does not hold against the chain."""
        return walk(self.read(sql.select(entries).order_by(entries.c.seq)))[1]

    def audit(self) -> Audit:
        """Walk the chain, and hold the derived tables against the entries."""
        chain, *stored = self.read_together(
            [sql.select(entries).order_by(entries.c.seq), *(sql.select(table) for table in DERIVED)]
        )
        sound, problems = walk(chain)
        differences = []
        if not problems:
            expected = derive(sound)
            for table, rows in zip(DERIVED, stored, strict=True):
                present = [dict(row._mapping) for row in rows]
                differences += _differences(table, present, expected[table.name])
        return Audit(sound, problems, differences)

    @contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            cause = str(error.orig)
            raise ArtifactError(
                f"the ledger cannot be {done}: {cause}", where=self.place, hint=_remedy(cause)
            ) from error


class LedgerWriter:
    """What can be done inside one transaction."""

    def __init__(self, connection: sql.Connection, place: str) -> None:
        self._connection = connection
        self._place = place

    def head(self) -> tuple[int, str]:
        """Number and digest of the last entry."""
        query = sql.select(entries.c.seq, entries.c.digest).order_by(entries.c.seq.desc()).limit(1)
        row = self._connection.execute(query).first()
        return (row.seq, row.digest) if row else (0, GENESIS)

    def rows(self, query: sql.Select[Any]) -> list[Any]:
        """The rows that `query` selects, as of this transaction."""
        return list(self._connection.execute(query).all())

    def entries(self, kind: str) -> list[Entry]:
        """The entries of one kind, in order, as of this transaction."""
        query = sql.select(entries).where(entries.c.kind == kind).order_by(entries.c.seq)
        return _parsed(self.rows(query), self._place)

    def append(self, kind: str, body: dict[str, Any]) -> Entry:
        """Chain one entry to the last and bring the derived tables up to it."""
        last, previous = self.head()
        entry = Entry(
            last + 1,
            previous,
            entry_digest(seq=last + 1, previous=previous, kind=kind, body=body),
            kind,
            body,
        )
        self._connection.execute(
            entries.insert().values(
                seq=entry.seq,
                previous=entry.previous,
                digest=entry.digest,
                kind=kind,
                body=canonical_json(body).decode(),
            )
        )
        self._derive(entry)
        return entry

    def rebuild(self) -> int:
        """Empty the derived tables and fill them from the entries; the number of entries read.

        Raises:
            ArtifactError: the chain does not hold; names the first such row. The tables stay as they were.
        """
        sound, problems = walk(self.rows(sql.select(entries).order_by(entries.c.seq)))
        if problems:
            row, what = problems[0]
            raise ArtifactError(
                f"the tables cannot be rebuilt from row {row}: {what}",
                where=f"{self._place}, row {row}",
                hint="restore the ledger from a copy; `ontogeny verify` lists every row that does not hold",
            )
        rows = derive(sound)
        for table in DERIVED:
            self._connection.execute(table.delete())
        self._insert(rows)
        return len(sound)

    def _derive(self, entry: Entry) -> None:
        if entry.kind == "promotion":
            self._connection.execute(aliases.delete().where(aliases.c.alias == entry.body["alias"]))
        self._insert(derive([entry]))

    def _insert(self, rows: Rows) -> None:
        for table in DERIVED:
            if rows[table.name]:
                self._connection.execute(table.insert(), rows[table.name])


def _sound_entry(row: Any) -> Entry | None:
    """The entry in `row`, where its digest is that of its content."""
    try:
        body = json.loads(row.body)
        digest = entry_digest(seq=row.seq, previous=row.previous, kind=row.kind, body=body)
    except (ValueError, TypeError, RecursionError):
        return None
    return Entry(row.seq, row.previous, digest, row.kind, body) if digest == row.digest else None


def _parsed(rows: Iterable[Any], place: str) -> list[Entry]:
    found = []
    for row in rows:
        try:
            found.append(Entry(row.seq, row.previous, row.digest, row.kind, json.loads(row.body)))
        except (ValueError, RecursionError) as error:
            raise ArtifactError(
                f"the body of row {row.seq} is not JSON",
                where=place,
                hint="restore the ledger from a copy",
            ) from error
    return found


def _differences(
    table: sql.Table, stored: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> list[tuple[str, str]]:
    """(table and row, what) where a derived table is not what the entries say."""
    key = [column.name for column in table.primary_key] or list(table.c.keys())
    present, wanted = _by_key(stored, key), _by_key(expected, key)
    found = []
    for name in sorted(present.keys() | wanted.keys()):
        there, due = present.get(name, []), wanted.get(name, [])
        if there == due:
            continue
        if len(there) < len(due):
            what = "the row is missing"
        elif len(there) > len(due):
            what = "no entry accounts for this row"
        else:
            changed = [column for column in due[0] if there[0][column] != due[0][column]]
            what = f"{', '.join(changed)}: not what the entries say"
        found.append((f"table {table.name}, row {name}", what))
    return found


def _by_key(rows: list[dict[str, Any]], key: list[str]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(" ".join(str(row[column]) for column in key), []).append(row)
    return grouped


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 would otherwise begin deferred transactions of its own
    connection.execute("PRAGMA synchronous = FULL")


def _remedy(cause: str) -> str:
    if "full" in cause:
        return NO_SPACE
    if "readonly" in cause or "unable to open" in cause:
        return "the workspace cannot be written: choose another with --workspace DIR or $ONTOGENY_HOME"
    if "locked" in cause:
        return f"another process wrote for more than {BUSY_TIMEOUT_S:.0f} s: wait for it, then run the command again"
    if "no such table" in cause:
        return "`ontogeny store rebuild` makes the table again"
    return "run `ontogeny verify`; restore the ledger from a copy if it does not hold"
