"""Rows about what is found in a single document: the text of a page, its language, its kind, personal data."""

from __future__ import annotations

from benchmarks.figure_table import (
    SHORT,
    Result,
    Row,
    by,
    fewer,
    megabytes,
    precision_and_recall,
    said,
    spread,
)

BESIDE = {"fast": "resiliparse", "quality": "trafilatura", "union": "trafilatura"}
"""The modes of extraction, and the peer that each is made from."""
LEARNT = ("positive or negative reviews", "spam or ham mail", "toxic tweets")
PASSAGE_CHARACTERS = 200


def extraction(result: Result) -> list[Row]:
    pages = said(result.noted("settings", "pages"), lambda each: f"{each} pages with marked articles")
    return [
        Row(
            f"text of a web page, `{mode}`: F-score, and MB a CPU second",
            said(result.at(f"ontogeny {mode}"), _f_score),
            said(result.at(peer), by(peer, _f_score)),
            input=pages,
        )
        for mode, peer in BESIDE.items()
    ]


def _f_score(found: dict[str, float]) -> str:
    return f"{found['f_score']:.3f}, {found['mb_per_second']:{SHORT}}"


def languages(result: Result) -> list[Row]:
    """Speed beside fastText's, whose answers ours are, and how often these are right."""
    beside = "agreement with fastText"
    texts = said(result.at(beside, "texts"), lambda each: f"{each:,} texts")
    (told,) = (
        each for each in result.at("quality") or [{}] if each.get("characters", 200) == PASSAGE_CHARACTERS
    )
    return [
        Row(
            "language of a text, MB a CPU second",
            said(result.at("MB/s a core", "ours"), spread),
            said(result.at("MB/s a core", "fasttext"), by("fastText", spread)),
            said(result.at("ours over fastText", "median"), fewer),
            texts,
        ),
        Row(
            "texts that get the language fastText gives them",
            said(result.at(beside, "same language"), lambda each: f"{each:.2%}"),
            "fastText",
            input=texts,
        ),
        Row(
            f"languages told right, in passages of {PASSAGE_CHARACTERS} characters",
            said(told.get("accuracy"), lambda each: f"{each:.1%}"),
            input=said(
                told.get("passages"),
                lambda each: f"{each:,} passages in {result.noted('settings', 'languages')} languages",
            ),
        ),
    ]


def classifiers(result: Result) -> list[Row]:
    words = said(
        result.at("toxic tweets by word list", "accuracy"), lambda each: f"the list of toxic words {each:.1%}"
    )
    return [
        Row(
            f"a trained classifier, {task}: told right, and error of its probabilities",
            said(result.at(task), lambda each: f"{each['accuracy']:.1%}, {each['calibration_error']:.3f}"),
            words if task == "toxic tweets" else None,
            input=said(
                result.at(task),
                lambda each: f"{each['examples']:,} held out of {each['like'] + each['unlike']:,}",
            ),
        )
        for task in LEARNT
    ]


def personal_data(result: Result) -> list[Row]:
    kinds = {kind: each for kind, each in (result.at("by kind") or {}).items() if each["marked"]}
    sentences = said(result.at("marked sentences"), lambda each: f"{each:,} sentences with marks")
    return [
        Row(
            "personal data, precision and recall",
            "; ".join(f"{kind} {precision_and_recall(each)}" for kind, each in kinds.items()) or None,
            input=sentences,
        ),
        Row(
            "personal data found in books, where there is none, a MB",
            said(result.at("books", "false positives per MB", "all"), lambda each: f"{each:{SHORT}}"),
            input=said(result.at("books", "megabytes"), lambda each: megabytes(each * 1e6)),
        ),
    ]
