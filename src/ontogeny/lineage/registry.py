"""Aliases that point at model versions: promotion is compare-and-set, recorded, and reversible.

A model is promoted only when the newest verdict of every gate that judged it is a pass, or with force and a reason.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from ontogeny.core.errors import GateRefused, UsageError
from ontogeny.lineage import ledger as tables
from ontogeny.lineage.ledger import LedgerWriter
from ontogeny.lineage.manifest import Verdict
from ontogeny.lineage.workspace import NAME_PATTERN, Workspace

PROMOTABLE = ("model", "adapter", "classifier", "reward-model")


def promote(
    workspace: Workspace, name: str, alias: str, *, reason: str | None = None
) -> dict[str, str | None]:
    """Point `alias` at the artifact `name`; a `reason` forces it past failed gates. Gives `{alias, from, to}`.

    Raises:
        UsageError: not a model, or a name that cannot be an alias.
        GateRefused: a gate's newest verdict on this model is a refusal.
    """
    if not NAME_PATTERN.fullmatch(alias):
        raise UsageError(
            f"{alias!r} cannot be an alias",
            hint="use letters, digits, '-', '_' and '.', for example `production`",
        )
    artifact = workspace.open(name)
    if artifact.kind not in PROMOTABLE:
        raise UsageError(
            f"{artifact.name} is of kind {artifact.kind!r}", hint=f"an alias points at a {PROMOTABLE[0]}"
        )
    artifact.check(content=True)
    refusals = [verdict for verdict in newest_verdicts(workspace, artifact.digest) if not verdict.passed]
    if refusals and reason is None:
        told = ",\n  ".join(f"{verdict.gate} ({verdict.reason})" for verdict in refusals)
        raise GateRefused(
            f"{artifact.name} is held back by {told}",
            hint="mend the model and evaluate it again, or promote it with --force --reason TEXT",
        )
    before = workspace.alias_targets().get(alias)
    with workspace.ledger.write() as writer:
        return _move(writer, alias, expected=before, to=artifact.name, action="promote", reason=reason)


def rollback(workspace: Workspace, alias: str) -> dict[str, str | None]:
    """Point `alias` back at what it pointed at before its last promotion. Gives `{alias, from, to}`.

    Raises:
        UsageError: the alias was never moved, or has nothing before it.
    """
    history = [entry.body for entry in workspace.ledger.entries("promotion") if entry.body["alias"] == alias]
    stack: list[str] = []
    for move in history:
        if move["action"] == "promote":
            stack.append(move["to"])
        elif stack:
            stack.pop()
    if len(stack) < 2:
        raise UsageError(
            f"alias {alias!r} has nothing to go back to", hint=f"`ontogeny promote ARTIFACT {alias}` moves it"
        )
    workspace.open(stack[-2]).check(content=True)
    with workspace.ledger.write() as writer:
        return _move(writer, alias, expected=stack[-1], to=stack[-2], action="rollback", reason=None)


def newest_verdicts(workspace: Workspace, model_digest: str) -> list[Verdict]:
    """The newest verdict of every gate on the model of this content digest."""
    newest: dict[tuple[str, str], Verdict] = {}
    for entry in workspace.ledger.entries("artifact"):
        for body in entry.body["verdicts"]:
            verdict = Verdict.model_validate(body)
            if verdict.model_digest == model_digest:
                newest[verdict.gate, verdict.suite_digest] = verdict
    return list(newest.values())


def _move(
    writer: LedgerWriter, alias: str, *, expected: str | None, to: str, action: str, reason: str | None
) -> dict[str, Any]:
    table = tables.aliases
    current = next((row.target for row in writer.rows(sql.select(table).where(table.c.alias == alias))), None)
    if current != expected:
        raise UsageError(
            f"alias {alias!r} moved to {current} in the meantime",
            hint="look again, then give the command again",
        )
    moved = {"alias": alias, "from": current, "to": to}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    writer.append("promotion", {**moved, "action": action, "reason": reason, "at": at})
    return moved
