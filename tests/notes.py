"""Progress that remembers what a user would have been told."""

from __future__ import annotations

from ontogeny.core.progress import QuietProgress


class Notes(QuietProgress):
    """Silent, but for `said`, its notes in their order."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)
