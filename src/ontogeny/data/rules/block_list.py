"""Drops documents from places that are on a block list, or whose address holds certain words.

It sees no text, but the address of a document (see `judge_block_list`), and keeps documents that have none. There is no
published default: lists are the user's, such as those of the University of Toulouse that RefinedWeb took
(arXiv:2306.01116, appendix G.1).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ontogeny.data.block_list import BlockList, list_files, split_url
from ontogeny.data.rules.judgement import Bound, Judgement, first_missed

DOMAIN, URL, WORDS = "blocked_domain", "blocked_url", "blocked_words"

NO_WORD = re.compile(r"[\W_]+")


class BlockListRule(BaseModel):
    """Block lists by path, words by themselves.

    `paths` are files (domains, addresses or a hosts file) or folders of categories, of which `categories` picks some.
    An address is dropped when it holds `min_words` different ones of `words`, each between characters that are no
    letters or digits: `casino` is in `/online-casino/`, not in `/casinomusik/`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs: ClassVar[tuple[str, ...]] = ("url",)

    type: Literal["block-list"]
    paths: tuple[Path, ...] = ()
    categories: tuple[str, ...] | None = Field(None, min_length=1)
    words: tuple[str, ...] = ()
    min_words: int = Field(1, ge=1)

    @field_validator("words")
    @classmethod
    def _single(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if not word or NO_WORD.search(word):
                raise ValueError(
                    f"{word!r} is not one word of letters and digits: give its parts, and min_words"
                )
        return tuple(word.lower() for word in words)

    @model_validator(mode="after")
    def _has_an_effect(self) -> BlockListRule:
        if not self.paths and not self.words:
            raise ValueError("the block list names neither paths nor words and would drop nothing")
        if self.categories is not None and not self.paths:
            raise ValueError("`categories` picks from folders, but `paths` names none")
        if len(set(self.words)) < self.min_words and (self.words or self.min_words > 1):
            raise ValueError(
                f"min_words {self.min_words} is more than the {len(set(self.words))} different words given"
            )
        return self


def files_of(rule: BlockListRule) -> list[Path]:
    """The files that the rule reads, whose contents belong to what a result depends on.

    Raises:
        UsageError: one of its paths or categories is not there.
        DataError: a folder holds no list.
    """
    return list_files(rule.paths, rule.categories)


def judge_block_list(rule: BlockListRule, columns: Mapping[str, npt.NDArray[Any]]) -> Judgement:
    """`blocked_domain`, `blocked_url` or `blocked_words`, by the columns `url` and, where that is empty, `domain`.

    Both are (n,): addresses or bare domains, or None.
    The score is the number of words found for `blocked_words`, and 1 for the others.

    Raises:
        DataError: a list cannot be read.
    """
    urls = columns["url"].tolist()
    if "domain" in columns:  # a report that draws the rule again has addresses only
        urls = [url or domain for url, domain in zip(urls, columns["domain"].tolist(), strict=True)]
    listed = _loaded(rule.paths, rule.categories) if rule.paths else None
    domain, url = np.zeros(len(urls), bool), np.zeros(len(urls), bool)
    n_words = np.zeros(len(urls))
    for row, each in enumerate(urls):
        if not each:
            continue
        host, path = split_url(each)
        if listed is not None:
            domain[row] = listed.blocks_domain(host)
            url[row] = listed.blocks_url(host, path)
        if rule.words:
            n_words[row] = len(set(NO_WORD.split(each.lower())) & set(rule.words))
    once = np.ones(len(urls))
    return first_missed(
        len(urls),
        [
            Bound(DOMAIN, "for a domain on the block list", once, domain),
            Bound(URL, "for an address on the block list", once, url),
            Bound(
                WORDS,
                f"blocked words in the address, min_words is {rule.min_words}",
                n_words,
                n_words >= rule.min_words,
            ),
        ],
    )


@functools.lru_cache(maxsize=4)
def _loaded(paths: Sequence[Path], categories: Sequence[str] | None) -> BlockList:
    return BlockList.load(paths, categories)
