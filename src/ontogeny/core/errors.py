"""One small tree of errors, each with what was wrong, where, and what to do next.

OntogenyError            exit 1
├── UsageError           exit 2   a command or a name that cannot be meant
│   └── RecipeError      exit 2   a recipe that cannot be run as written
├── DataError            exit 1   rows, documents or splits that do not serve
├── ArtifactError        exit 1   the workspace: payloads, manifests, ledger
├── ModelFormatError     exit 1   a model folder or file that cannot be read
├── ServingError         exit 1   the HTTP server
└── GateRefused          exit 3   an evaluation held a step or a promotion back
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


class OntogenyError(Exception):
    """Base of every error a user may see; the command line prints it without a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.place: tuple[str | int, ...] = ()
        """Keys and list positions within the settings of a step that it is about: a recipe knows their line."""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.hint:
            lines.append(f"→ {self.hint}")
        return "\n".join(lines)


class UsageError(OntogenyError):
    """The user's mistake: a name, path or option that cannot be meant."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be run as written."""


class DataError(OntogenyError):
    """Rows, documents or splits that do not serve."""


class ArtifactError(OntogenyError):
    """Something in the workspace does not hold: a payload, a manifest, the ledger, the disk."""


class ModelFormatError(OntogenyError):
    """A model folder or file that cannot be read."""


class ServingError(OntogenyError):
    """The HTTP server cannot start or go on."""


class GateRefused(OntogenyError):
    """An evaluation's verdict holds a step or a promotion back."""

    exit_code = 3


@contextmanager
def placed(*place: str | int) -> Iterator[None]:
    """Whatever error comes out of it is about the setting at `place`, or at its own place within that."""
    try:
        yield
    except OntogenyError as error:
        error.place = (*place, *error.place)
        raise


def defect(error: Exception) -> OntogenyError:
    """What a user is told of an error that no code foresaw: its kind, and the last line of ours on its way."""
    lines = [
        f"{Path(frame.filename).relative_to(PACKAGE.parent)}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]
    return OntogenyError(
        f"unexpected {type(error).__name__}: {error}",
        where=lines[-1] if lines else None,
        hint="this is a defect of Ontogeny: run the same command with --debug and report what it prints",
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the known name closest to `name`, or an empty string."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {match[0]!r}?" if match else ""
