"""Bytes as characters: how GPT-2 (and every byte-level BPE since) spells bytes in its vocabulary.

A byte that is a printable character of Latin-1 stands for itself; the others get the characters from U+0100 on, in
order (`bytes_to_unicode` in openai/gpt-2, src/encoder.py).
"""

from __future__ import annotations

PRINTABLE = (range(ord("!"), ord("~") + 1), range(ord("¡"), ord("¬") + 1), range(ord("®"), ord("ÿ") + 1))


def _characters() -> list[str]:
    others = iter(range(256, 512))
    return [
        chr(byte) if any(byte in part for part in PRINTABLE) else chr(next(others)) for byte in range(256)
    ]


BYTE_CHARACTERS = _characters()
"""The character of each byte."""

_LATIN_TO_NAMES = dict(enumerate(BYTE_CHARACTERS))


def spelled(entry: bytes) -> str:
    """The name of an entry in a vocabulary."""
    return entry.decode("latin-1").translate(_LATIN_TO_NAMES)
