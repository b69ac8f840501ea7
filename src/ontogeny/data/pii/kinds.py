"""The kinds of personal data that are looked for, and what stands in for each in a masked text."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["email", "ip", "private-ip", "phone", "card", "iban", "secret"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""A kind's position here is its code."""

PERSONAL: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "private-ip")
"""What is looked for unless told otherwise: addresses of private networks point at nobody."""

PLACEHOLDERS: dict[Kind, str] = {
    "email": "<EMAIL>",
    "ip": "<IP>",
    "private-ip": "<IP>",
    "phone": "<PHONE>",
    "card": "<CARD>",
    "iban": "<IBAN>",
    "secret": "<SECRET>",
}


def count_column(kind: Kind) -> str:
    """The column that counts `kind`."""
    return "pii_" + kind.replace("-", "_")
