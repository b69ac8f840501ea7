"""How much a text has in common with evaluation items: one column, the different n-grams of items that stand in it.

The group depends on the items, so its name holds a digest of their files and of how they are read
(`overlap-3fa2b1c0`); other items are another group, and stored columns are never mixed up. A worker builds the index
from the files once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ontogeny.core.files import digest_file, digest_json
from ontogeny.core.remote import AnyPath, path_of
from ontogeny.data.signals.group import Columns, SignalGroup
from ontogeny.data.texts import Texts
from ontogeny.records.paths import expand

if TYPE_CHECKING:
    from ontogeny.data.decontaminate.index import OverlapIndex
    from ontogeny.data.rules.decontaminate import Decontaminate

VERSION = 1
DIGEST_CHARS = 8
Stamp: TypeAlias = tuple[str, int, int]
"""Path, size and time of change (ns) of a file: a file that keeps all three is not read again."""


@dataclass(frozen=True)
class Key:
    """Everything that an index depends on."""

    stamps: tuple[Stamp, ...]
    columns: tuple[tuple[str, str], ...]
    n_gram: int
    max_items: int


def item_files(rule: Decontaminate) -> list[AnyPath]:
    """The files that the rule reads, sorted, each once.

    Raises:
        RecipeError: a path or pattern of `against` leads nowhere.
    """
    return sorted({path for pattern in rule.against for path in expand(pattern)})


def overlap_name(rule: Decontaminate) -> str:
    """The name of the rule's group and of its only column."""
    return _name(_key(rule))


def group_of(rule: Decontaminate) -> SignalGroup:
    """The signal group of a rule's items; the same object for equal items."""
    return _group(_key(rule))


def index_of(rule: Decontaminate) -> OverlapIndex:
    """The n-grams of a rule's items, built once a process.

    Raises:
        DataError: a file has no item.
    """
    return _index(_key(rule))


def _key(rule: Decontaminate) -> Key:
    states = [(path, path.stat()) for path in item_files(rule)]
    stamps = tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in states)
    return Key(stamps, tuple(sorted(rule.columns.items())), rule.n_gram, rule.max_items)


@functools.lru_cache(maxsize=8)
def _name(key: Key) -> str:
    # The name of a file counts: it is that of the suite.
    content = [(path_of(path).name, digest_file(path_of(path))) for path, _, _ in key.stamps]
    digest = digest_json([content, key.columns, key.n_gram, key.max_items])
    return f"overlap-{digest.partition(':')[2][:DIGEST_CHARS]}"


@functools.lru_cache(maxsize=8)
def _group(key: Key) -> SignalGroup:
    return SignalGroup(_name(key), VERSION, (_name(key),), functools.partial(_compute, key=key))


def _compute(texts: Texts, key: Key) -> Columns:
    from ontogeny.data.decontaminate.index import count_hits

    return {_name(key): count_hits(texts, _index(key))}


@functools.lru_cache(maxsize=2)
def _index(key: Key) -> OverlapIndex:
    from ontogeny.data.decontaminate.index import build_index
    from ontogeny.data.decontaminate.items import all_items, read_items

    files = read_items([path_of(path) for path, _, _ in key.stamps], dict[str, str](key.columns))
    return build_index(all_items(files), n_gram=key.n_gram, max_items=key.max_items)
