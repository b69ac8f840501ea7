"""Text by trafilatura, which weighs parts of a page against each other. Runs in worker processes only.

It is not safe in threads (trafilatura#925), takes minutes for some huge pages (#704), and C code below it can crash:
`Worker` gives it a process with limits of its own.
"""

from __future__ import annotations

import logging

NAME = "trafilatura"
FAST_NAME = "trafilatura-fast"


def extract_candidates(html: str, *, several: bool) -> list[tuple[str, str]]:
    """Names of extractors with the text each found: the careful one, and with `several` the faster, laxer one too.

    `favor_precision` lets less boilerplate through; its F-score is the higher on the article extraction benchmark.
    """
    import lxml_html_clean  # noqa: F401 - jusText, below trafilatura, needs it and asks for it under a name that is gone
    import trafilatura

    logging.disable(logging.CRITICAL)
    tree = trafilatura.load_html(html)
    if tree is None:
        return [(NAME, "")]
    found = [(NAME, trafilatura.extract(tree, include_comments=False, favor_precision=True))]
    if several:
        found.append((FAST_NAME, trafilatura.extract(tree, include_comments=False, fast=True)))
    return [(name, (text or "").strip()) for name, text in found]
