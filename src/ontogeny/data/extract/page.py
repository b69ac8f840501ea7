"""The text of one page in the mode that a recipe asks for."""

from __future__ import annotations

from ontogeny.data.extract import fast
from ontogeny.data.extract.extracted import Extracted, Mode, NotExtractedError
from ontogeny.data.extract.fast import extract_fast
from ontogeny.data.extract.score import score_text
from ontogeny.data.extract.workers import Limits, shared_worker

NO_TEXT = "no_text"


def extract_page(html: str, mode: Mode, limits: Limits) -> Extracted:
    """The main text of a page.

    Raises:
        NotExtractedError: there is none, the page is built to harm, or extraction took more than `limits`.
    """
    if mode == "fast":
        candidates = [(fast.NAME, extract_fast(html))]
    else:
        candidates = _careful(html, limits, several=mode == "union")
        if mode == "union":
            candidates.append((fast.NAME, extract_fast(html)))
    plain = [(name, text.replace("\xa0", " ").strip()) for name, text in candidates]
    scored = [Extracted(text, name, score_text(text)) for name, text in plain if text]
    if not scored:
        raise NotExtractedError(NO_TEXT, "the page has no main text")
    return max(scored, key=lambda each: each.score)  # of equals the first


def _careful(html: str, limits: Limits, *, several: bool) -> list[tuple[str, str]]:
    task = "union" if several else "quality"
    reply = shared_worker(limits).call(task, html.encode("utf-8", errors="replace"))
    return [(str(name), str(text)) for name, text in reply]
