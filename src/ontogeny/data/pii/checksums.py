"""Numbers that prove themselves: payment cards and IBANs."""

from __future__ import annotations

CARD_PREFIXES: tuple[tuple[int, int, int, tuple[int, ...]], ...] = (
    (1, 4, 4, (13, 16, 19)),  # Visa
    (2, 51, 55, (16,)),  # Mastercard
    (4, 2221, 2720, (16,)),
    (2, 34, 34, (15,)),  # American Express
    (2, 37, 37, (15,)),
    (4, 6011, 6011, (16, 17, 18, 19)),  # Discover
    (3, 644, 649, (16, 17, 18, 19)),
    (2, 65, 65, (16, 17, 18, 19)),
    (3, 300, 305, (14, 16, 17, 18, 19)),  # Diners Club
    (2, 36, 36, (14, 16, 17, 18, 19)),
    (2, 38, 39, (14, 16, 17, 18, 19)),
    (4, 3528, 3589, (16, 17, 18, 19)),  # JCB, and its old numbers of 15 digits
    (4, 2131, 2131, (15,)),
    (4, 1800, 1800, (15,)),
    (2, 62, 62, (16, 17, 18, 19)),  # UnionPay
    (4, 5018, 5018, tuple(range(12, 20))),  # Maestro
    (4, 5020, 5020, tuple(range(12, 20))),
    (4, 5038, 5038, tuple(range(12, 20))),
    (4, 5893, 5893, tuple(range(12, 20))),
    (4, 6304, 6304, tuple(range(12, 20))),
    (4, 6759, 6763, tuple(range(12, 20))),
)
"""Digits of an issuer's prefix, its lowest and highest value, and the lengths it gives (ISO/IEC 7812; the issuers'
public number ranges, as Wikipedia's "Payment card number" lists them)."""

IBAN_LENGTHS: dict[str, int] = {
    country: int(length)
    for country, length in (
        pair.split(":")
        for pair in [
            "AD:24",
            "AE:23",
            "AL:28",
            "AT:20",
            "AZ:28",
            "BA:20",
            "BE:16",
            "BG:22",
            "BH:22",
            "BI:27",
            "BR:29",
            "BY:28",
            "CH:21",
            "CR:22",
            "CY:28",
            "CZ:24",
            "DE:22",
            "DJ:27",
            "DK:18",
            "DO:28",
            "EE:20",
            "EG:29",
            "ES:24",
            "FI:18",
            "FK:18",
            "FO:18",
            "FR:27",
            "GB:22",
            "GE:22",
            "GI:23",
            "GL:18",
            "GR:27",
            "GT:28",
            "HN:28",
            "HR:21",
            "HU:28",
            "IE:22",
            "IL:23",
            "IQ:23",
            "IS:26",
            "IT:27",
            "JO:30",
            "KW:30",
            "KZ:20",
            "LB:28",
            "LC:32",
            "LI:21",
            "LT:20",
            "LU:20",
            "LV:21",
            "LY:25",
            "MC:27",
            "MD:24",
            "ME:22",
            "MK:19",
            "MN:20",
            "MR:27",
            "MT:31",
            "MU:30",
            "NI:28",
            "NL:18",
            "NO:15",
            "OM:23",
            "PK:24",
            "PL:28",
            "PS:29",
            "PT:25",
            "QA:29",
            "RO:24",
            "RS:22",
            "RU:33",
            "SA:24",
            "SC:31",
            "SD:18",
            "SE:24",
            "SI:19",
            "SK:24",
            "SM:27",
            "SO:23",
            "ST:25",
            "SV:28",
            "TL:23",
            "TN:24",
            "TR:26",
            "UA:29",
            "VA:22",
            "VG:24",
            "XK:20",
            "YE:30",
        ]
    )
}
"""Characters of an IBAN by country (SWIFT's IBAN registry, release 99)."""


def is_card(digits: str) -> bool:
    """Whether `digits` alone could be a card: a length and prefix some issuer gives, and the check digit of Luhn."""
    size = len(digits)
    issued = any(
        size in sizes and low <= int(digits[:wide]) <= high
        for wide, low, high, sizes in CARD_PREFIXES
        if wide <= size
    )
    return issued and passes_luhn(digits) and len(set(digits)) > 1


def passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right doubled, the sum of all digits a multiple of ten."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(account: str) -> bool:
    """Whether `account`, without separators, has its country's length and passes mod 97 (ISO 7064, 97-10)."""
    account = account.upper()
    if IBAN_LENGTHS.get(account[:2]) != len(account) or not account.isalnum() or not account.isascii():
        return False
    return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1
