"""What a candidate really is: patterns, checksums and the words before it.

Recall is given up for precision where ordinary text looks the same: bare digits are a phone number only near a word
such as "call", four small numbers with dots are a version unless a word such as "address" stands before them.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from ontogeny.data.pii.candidates import ACCOUNT, ASSIGNED, AT, COLONS, NUMBER, TOKEN
from ontogeny.data.pii.checksums import IBAN_LENGTHS, is_card, is_iban
from ontogeny.data.pii.kinds import Kind

Span = tuple[int, int, Kind]
"""First byte, end, and what stands there."""

CONTEXT_BYTES = 40

EMAIL = re.compile(
    rb"[A-Za-z0-9_](?:[A-Za-z0-9._%+-]*[A-Za-z0-9_%+-])?"
    rb"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+([A-Za-z]{2,24})(?![A-Za-z0-9-])"
)
NO_DOMAINS = frozenset(
    b"png jpg jpeg gif svg webp css js html service socket timer target mount slice device patch local".split()
)
"""What ends file names with @ in them, systemd units and the like, and no address."""

CARD = re.compile(
    rb"(?<![\w.,+-])(?:\d{12,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|[.,]\d)"
)

IPV4 = re.compile(rb"(?<![\w.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|(?![\w-]|\.\d))){4}(?<!\.)")
SMALL = 20
"""Four numbers below this are likelier a version or a section than an address."""

VERSION_BEFORE = re.compile(
    rb"(?i)(?:\bv|ver|versions?|release|rev|revision|section|chapter|build|firmware|table)[\s.:]*$"
)
ADDRESS_BEFORE = re.compile(
    rb"(?i)\b(?:ip|ipv4|addr|address|addresses|server|host|dns|gateway|inet|ping|route)\b[^\n]{0,24}$"
)

EXTENSION = rb"(?: ?(?:x|ext\.? ?)\d{1,5})?"
AFTER_PHONE = rb"(?![\w]|-\d|[.,]\d)"
INTERNATIONAL = re.compile(rb"(?<![\w+])\+\(?[1-9][\d .()/-]{6,22}\d" + EXTENSION + AFTER_PHONE)
EXIT_CODE = re.compile(
    rb"(?<![\w.+/-])00[1-9]\d{0,2}([ .-])\d{1,4}\1\d{2,4}(?:\1\d{2,4}){0,3}" + EXTENSION + AFTER_PHONE
)
NORTH_AMERICAN = re.compile(
    rb"(?<![\w.+/-])(?:1[ .-])?(?:\([2-9]\d\d\)[ -]?[2-9]\d\d[ .-]?\d{4}|[2-9]\d\d([.-])[2-9]\d\d\1\d{4})"
    + EXTENSION
    + AFTER_PHONE
)
TRUNK = re.compile(
    rb"(?<![\w+/-])(?<!\d[.,])"
    rb"(?:\(0[1-9]\d{0,3}\) ?\d{2,4}(?:[ -]?\d{2,4}){1,2}|0[1-9]\d{0,3}([ ./-])\d{2,7}(?:[ .-]\d{2,4}){0,4})"
    + AFTER_PHONE
)
"""National numbers with the trunk prefix 0, as most of Europe, Africa, Asia and Australia write them."""

ANY_NUMBER = re.compile(rb"(?<![\w+/-])(?<!\d[.,])\(?\d[\d .()/-]{4,17}\d" + EXTENSION + AFTER_PHONE)
PHONE_BEFORE = re.compile(
    rb"(?i)\b(?:(?:tele|cell)?phones?|tel|telephone|calls?|called|calling|mobile|cell|fax|whatsapp|sms|dial|ring|hotline"
    rb"|contact|reach|desk)\b(?:[^\w.#\n]{1,3}\w+){0,4}(?:\.?:?[\s(]{0,3})$"
)
PHONE_AFTER = re.compile(rb"(?i)[ \-(,]{1,3}(?:office|desk|fax|mobile|cell|home|phone)\b")
NO_PHONE = re.compile(rb"\d{5}-\d{4}|\d{3}-\d\d-\d{4}|(?:\d{3}\.){3}\d|.*0000|.*00[ .-]00")
"""American postal and social security numbers, padded IPv4 addresses, and rows of zeros from a memory dump."""

DATE = re.compile(rb"\d\d?[./ -]\d\d?[./ -](?:19|20)\d\d|(?:19|20)\d\d[./ -]\d\d?[./ -]\d\d?")

TOKENS = re.compile(
    rb"(?:AKIA|ASIA)[A-Z2-7]{16}\b"  # AWS access key id
    rb"|gh[pousr]_[A-Za-z0-9]{36,255}\b|github_pat_[A-Za-z0-9_]{22,255}"
    rb"|xox[abprs]-(?:\d+-)+[A-Za-z0-9-]{10,250}"  # Slack
    rb"|AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"  # Google
    rb"|[sr]k_live_[A-Za-z0-9]{16,250}"  # Stripe
    rb"|sk-(?:proj-|ant-)[A-Za-z0-9_-]{20,250}"  # OpenAI, Anthropic
    rb"|glpat-[A-Za-z0-9_-]{20,250}|npm_[A-Za-z0-9]{36}\b|pypi-[A-Za-z0-9_-]{50,250}"
    rb"|eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{10,2000}"  # JSON web token (RFC 7519)
    rb"|-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]{32,8000}?-----END (?:[A-Z0-9]+ )*PRIVATE KEY"
    rb"(?: BLOCK)?-----"  # RFC 7468, OpenSSH, OpenPGP
)
"""Tokens that tell what they are; forms as their issuers document them."""

SECRET_NAME = re.compile(
    rb"(?i)(?:pass(?:word|wd)|pwd|(?:client|app|api|shared|auth)?[_-]?secret(?:[_-]?(?:access[_-]?)?key)?"
    rb"|(?:api|access|auth|private|encryption|account|signing)[_-]?(?:key|token)|(?:auth|bearer|refresh|bot)?[_-]?token)"
    rb"""["']?[ ]{0,2}$"""
)
SECRET_VALUE = re.compile(
    rb"""[:=]=?[ ]{0,2}(?:(["'])([^\s"'<>{}()$,;]{10,128})\1|([^\s"'<>{}()$,;`*\\]{10,128})(?=\s|$|[,;]))"""
)
MIN_BITS = 3.0
"""Entropy of a secret's bytes in bits, below which it is a word, a pattern or a placeholder; chosen on the figures of
benchmarks/pii_quality.py."""


def recognise(what: int, whole: bytes, first: int, last: int) -> Iterator[Span]:
    """What stands in `whole[first:last]`, a candidate in the text `whole`; spans may overlap."""
    return RECOGNISERS[what](whole, first, last)


def _emails(whole: bytes, first: int, last: int) -> Iterator[Span]:
    for match in EMAIL.finditer(whole, first, last):
        if match.group(1).lower() not in NO_DOMAINS and b".." not in match.group():
            yield (*match.span(), "email")


def _numbers(whole: bytes, first: int, last: int) -> Iterator[Span]:
    stop = min(last + 8, len(whole))  # an extension, and what must not follow
    before = whole[max(0, first - CONTEXT_BYTES) : first]
    for match in CARD.finditer(whole, first, stop):
        if is_card(_digits(match.group())):
            yield (*match.span(), "card")
    for match in IPV4.finditer(whole, first, stop):
        if span := _ipv4(whole, match):
            yield span
    yield from _phones(whole, first, stop, before)


def _ipv4(whole: bytes, match: re.Match[bytes]) -> Span | None:
    before = whole[max(0, match.start() - CONTEXT_BYTES) : match.start()]
    address = match.group().decode()
    if VERSION_BEFORE.search(before):
        return None
    parts = address.split(".")
    if any(len(part) > 1 and part[0] == "0" for part in parts):
        return None
    if not ipaddress.IPv4Address(address).is_global:
        return (*match.span(), "private-ip")
    likely = any(int(part) >= SMALL for part in parts) or ADDRESS_BEFORE.search(before)
    return (*match.span(), "ip") if likely else None


def _phones(whole: bytes, first: int, stop: int, before: bytes) -> Iterator[Span]:
    for match in INTERNATIONAL.finditer(whole, first, stop):
        digits = _digits(_without_extension(match.group()))
        # E.164, section 6.1: at most 15 digits. Without separators, a plus before few digits is arithmetic.
        if (11 if match.group()[1:].isdigit() else 8) <= len(digits) <= 15:
            yield (*match.span(), "phone")
    for pattern, fewest, most in ((EXIT_CODE, 11, 17), (NORTH_AMERICAN, 10, 11), (TRUNK, 9, 11)):
        for match in pattern.finditer(whole, first, stop):
            if _could_be_phone(match.group(), fewest, most):
                yield (*match.span(), "phone")
    bare = ANY_NUMBER.search(whole, first, stop)
    if bare is None or not _could_be_phone(bare.group(), 7, 13):
        return
    if PHONE_BEFORE.search(before) or PHONE_AFTER.match(whole, bare.end()):
        yield (*bare.span(), "phone")


def _could_be_phone(number: bytes, fewest: int, most: int) -> bool:
    digits = _digits(_without_extension(number))
    other = DATE.search(number) or NO_PHONE.match(number)
    return fewest <= len(digits) <= most and len(set(digits)) > 2 and not other


def _accounts(whole: bytes, first: int, last: int) -> Iterator[Span]:
    length = IBAN_LENGTHS.get(whole[first : first + 2].decode("ascii", "replace").upper())
    account, at = "", first
    while length is not None and at < last and len(account) < length:
        if chr(whole[at]).isalnum():
            account += chr(whole[at])
        at += 1
    ends = at >= len(whole) or not (chr(whole[at]).isalnum() and whole[at] < 128)
    if length is not None and ends and is_iban(account):
        yield (first, at, "iban")


def _colons(whole: bytes, first: int, last: int) -> Iterator[Span]:
    if first > 0 and (chr(whole[first - 1]).isalnum() or whole[first - 1] in b"_:-"):
        return
    if last < len(whole) and (chr(whole[last]).isalnum() or whole[last] in b"_-"):
        return
    token = whole[first:last].rstrip(b".").decode()
    token = token if token.endswith("::") else token.rstrip(":")
    groups = [group for group in token.split(":") if group]
    # Names of C++ and Rust are written with :: too; addresses have more parts, and digits.
    if len(groups) < 3 or not any(char.isdigit() for char in token):
        return
    try:
        address = ipaddress.IPv6Address(token)
    except ValueError:
        return
    yield (first, first + len(token), "ip" if address.is_global else "private-ip")


def _tokens(whole: bytes, first: int, last: int) -> Iterator[Span]:
    if match := TOKENS.match(whole, first, last):
        yield (*match.span(), "secret")


def _assigned(whole: bytes, first: int, last: int) -> Iterator[Span]:
    if not SECRET_NAME.search(whole[max(0, first - CONTEXT_BYTES) : first]):
        return
    match = SECRET_VALUE.match(whole, first, last)
    if match is None:
        return
    group = 2 if match.group(2) is not None else 3
    if _is_secret(match.group(group)):
        yield (*match.span(group), "secret")


def _is_secret(value: bytes) -> bool:
    if (
        value.startswith((b"/", b"0x", b"http", b"-", b"=", b"%", b"@", b"["))
        or b"..." in value
        or b"::" in value
    ):
        return False
    letters, digits = sum(chr(byte).isalpha() for byte in value), sum(48 <= byte <= 57 for byte in value)
    lowered = value.lower()
    placeholder = any(
        word in lowered for word in (b"example", b"your", b"xxxx", b"placeholder", b"1234567", b"****")
    )
    # Identifiers and file names hold a digit here and there; a secret is mixed.
    return letters >= 2 and digits >= 2 and not placeholder and _entropy_bits(value) >= MIN_BITS


def _entropy_bits(value: bytes) -> float:
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def _digits(number: bytes) -> str:
    return "".join(chr(byte) for byte in number if 48 <= byte <= 57)


def _without_extension(number: bytes) -> bytes:
    return re.split(rb" ?(?:x|ext)", number, maxsplit=1)[0]


RECOGNISERS: Mapping[int, Callable[[bytes, int, int], Iterator[Span]]] = {
    AT: _emails,
    NUMBER: _numbers,
    ACCOUNT: _accounts,
    COLONS: _colons,
    TOKEN: _tokens,
    ASSIGNED: _assigned,
}
