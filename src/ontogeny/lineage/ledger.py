"""The ledger: one append-only, hash-chained table of everything that happened in a workspace.

    entries(seq, previous, digest, kind, body)      digest = BLAKE3(canonical JSON of seq, previous, kind, body)

Artifacts, runs and promotions are entries. The other tables (`artifacts`, `edges`, `aliases`) answer common questions,
are written in the same transaction, and can be rebuilt from the entries at any time. This code has no UPDATE and no
DELETE of an entry. Writers are serialised: BEGIN IMMEDIATE on SQLite, an advisory lock on PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import canonical_json, digest_json

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


@dataclass(frozen=True)
class Entry:
    """One row. `body` is the parsed JSON."""

    seq: int
    previous: str
    digest: str
    kind: str
    body: dict[str, Any]


def entry_digest(*, seq: int, previous: str, kind: str, body: dict[str, Any]) -> str:
    """The digest that chains an entry to the one before it."""
    return digest_json({"seq": seq, "previous": previous, "kind": kind, "body": body})


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
                yield LedgerWriter(connection)
            except BaseException:
                connection.exec_driver_sql("ROLLBACK") if self._sqlite else connection.rollback()
                raise
            connection.exec_driver_sql("COMMIT") if self._sqlite else connection.commit()

    def read(self, query: sql.Select[Any]) -> list[Any]:
        """The rows that `query` selects; none where nothing was ever written."""
        if self._sqlite and not Path(self.place).exists():
            return []
        with self._translated("read"), self._engine.connect() as connection:
            if not sql.inspect(connection).has_table("entries"):
                return []
            return list(connection.execute(query).all())

    def entries(self, kind: str | None = None) -> list[Entry]:
        """All entries, or those of one kind, in order."""
        query = sql.select(entries).order_by(entries.c.seq)
        if kind is not None:
            query = query.where(entries.c.kind == kind)
        found = []
        for row in self.read(query):
            try:
                found.append(Entry(row.seq, row.previous, row.digest, row.kind, json.loads(row.body)))
            except ValueError as error:
                raise ArtifactError(
                    f"the body of row {row.seq} is not JSON",
                    where=self.place,
                    hint="restore the ledger from a copy",
                ) from error
        return found

    def problems(self) -> list[tuple[int, str]]:
        """(row, what) for each row that does not hold against the chain."""
        found = []
        previous, expected = GENESIS, 1
        for row in self.read(sql.select(entries).order_by(entries.c.seq)):
            try:
                body = json.loads(row.body)
            except ValueError:
                body = None
            if row.seq != expected:
                found.append((row.seq, f"row {expected} is missing before it"))
            if row.previous != previous:
                found.append((row.seq, "it does not follow from the row before it"))
            if body is None or row.digest != entry_digest(
                seq=row.seq, previous=row.previous, kind=row.kind, body=body
            ):
                found.append((row.seq, "its content is not what was recorded"))
            previous, expected = row.digest, row.seq + 1
        return found

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

    def __init__(self, connection: sql.Connection) -> None:
        self._connection = connection

    def head(self) -> tuple[int, str]:
        """Number and digest of the last entry."""
        query = sql.select(entries.c.seq, entries.c.digest).order_by(entries.c.seq.desc()).limit(1)
        row = self._connection.execute(query).first()
        return (row.seq, row.digest) if row else (0, GENESIS)

    def rows(self, query: sql.Select[Any]) -> list[Any]:
        """The rows that `query` selects, as of this transaction."""
        return list(self._connection.execute(query).all())

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
        """Empty the derived tables and fill them from the entries; the number of entries read."""
        for table in DERIVED:
            self._connection.execute(table.delete())
        rows = self.rows(sql.select(entries).order_by(entries.c.seq))
        for row in rows:
            self._derive(Entry(row.seq, row.previous, row.digest, row.kind, json.loads(row.body)))
        return len(rows)

    def _derive(self, entry: Entry) -> None:
        body = entry.body
        if entry.kind == "artifact":
            columns = (
                "name",
                "recipe",
                "step",
                "version",
                "kind",
                "fingerprint",
                "digest",
                "manifest_digest",
            )
            self._connection.execute(
                artifacts.insert().values(seq=entry.seq, **{column: body[column] for column in columns})
            )
            for used in body["inputs"]:
                self._connection.execute(
                    edges.insert().values(child=body["name"], role=used["role"], parent=used["name"])
                )
        elif entry.kind == "promotion":
            self._connection.execute(aliases.delete().where(aliases.c.alias == body["alias"]))
            if body["to"] is not None:
                self._connection.execute(
                    aliases.insert().values(alias=body["alias"], target=body["to"], seq=entry.seq)
                )


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 would otherwise begin deferred transactions of its own
    connection.execute("PRAGMA synchronous = FULL")


def _remedy(cause: str) -> str:
    if "full" in cause:
        return "free some space (`ontogeny store gc` removes abandoned work), then run the same command again"
    if "readonly" in cause or "unable to open" in cause:
        return "the workspace cannot be written: choose another with --workspace DIR or $ONTOGENY_HOME"
    if "locked" in cause:
        return f"another process wrote for more than {BUSY_TIMEOUT_S:.0f} s: wait for it, then run the command again"
    return "run `ontogeny verify`; restore the ledger from a copy if it does not hold"
