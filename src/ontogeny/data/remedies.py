"""What to do where documents go for a reason and should not: one sentence for every reason there is."""

from __future__ import annotations

from ontogeny.records.remedies import REMEDIES as OF_ROWS

_MAY_BE_LEFT_OUT = "nothing is wrong with it; narrow `path` where the dropped records are too many"

REMEDIES: dict[str, str] = {
    **OF_ROWS,
    # Reading.
    "empty": "look at the text column: `columns: {text: ...}` may name the wrong one",
    "redirect": _MAY_BE_LEFT_OUT,
    "not_an_article": "give the `pages-articles` dump: this one holds talk, users or files",
    "not_wikitext": _MAY_BE_LEFT_OUT,
    "article_too_long": "look at these pages in dropped.parquet: they are lists and logs rather than articles",
    "no_text": "try `extract: union` for pages, or text recognition for scans",
    "no_question": "give the site's whole Posts.xml: questions and answers stand in one file",
    "not_a_post": "write another `posts`, or leave it out",
    "low_score": "lower `min_score` of the source",
    "file_too_large": "raise `max_file_bytes` (PDF) or `max_body_bytes` (DOCX) of the source, or divide the files",
    "page_too_large": "raise `max_page_bytes` of the source",
    "message_too_large": "raise `max_message_bytes` of the source",
    "damaged_message": "see that the files are mail, one message each or an mbox",
    "too_many_pages": "divide the PDF",
    "too_many_attributes": "see that the pages are HTML, and not made to do harm",
    "nested_too_deeply": "see that the pages are HTML, and not made to do harm",
    "extraction_timeout": "raise `extract_seconds` (pages) or `seconds` (PDF) of the source, or try `extract: fast`",
    "extraction_failed": "raise `extract_memory_mb` (pages) or `memory_mb` (PDF) of the source, or try `extract: fast`",
    "encrypted": "save the file without a password",
    "revisit": "give the crawl's earlier files too: these records only say that nothing changed",
    "http_status": "nothing is wrong with it: the server answered with no page when this was crawled",
    "truncated": "crawl again with a higher limit: the crawler cut these pages",
    "damaged_page": "fetch the archive again, or crawl these pages anew",
    "not_html": "give pictures, PDF and the like as files, with a source of their own type",
    "no_documentation": _MAY_BE_LEFT_OUT,
    "no_description": _MAY_BE_LEFT_OUT,
    "repeated_description": _MAY_BE_LEFT_OUT,
    "also_in_training": "nothing is wrong with it: what is trained on must not be measured",
    "too_few_choices": "raise `held_out_fraction`, so that there are more to choose from",
    "also_in_test": "nothing is wrong with it: what is tested on must not be trained on; `leaks: keep` keeps it",
    "also_in_held_out": "nothing is wrong with it: what guides training must not be trained on; `leaks: keep` keeps it",
    "near_copy_of_test": "look at the pairs in dropped.parquet: nothing is wrong with it; `leaks: keep` keeps them",
    "near_copy_of_held_out": "look at the pairs in dropped.parquet: nothing is wrong with it; `leaks: keep` keeps them",
    # Rules.
    "too_short": "lower `min_chars` or `min_bytes` of the length rule",
    "too_long": "raise `max_chars` or `max_bytes` of the length rule",
    "language_other": "add the language to `languages` of the language rule",
    "language_unsure": "lower `min_score` of the language rule",
    "toxic_words": "raise `max_rate` of the toxicity rule, or give it `words` of your own",
    "blocked_domain": "look at the `paths` of the block list",
    "blocked_url": "look at the `paths` of the block list",
    "blocked_words": "raise `min_words` of the block list, or take words out of it",
    # The corpus as a whole.
    "exact_duplicate": "look at `dedup` of this step: `none` keeps copies",
    "near_duplicate": "look at `dedup` of this step: `exact` keeps near copies",
    "exact_duplicate_of_old": "the corpora under `against` of `dedup` hold it already: give sources that are new",
    "near_duplicate_of_old": "the corpora under `against` of `dedup` hold it already: give sources that are new",
    "repeated_spans": "lower `min_words_left` or raise `min_words` of `spans`",
    "contaminated": "raise `min_share` or `min_hits` of the decontaminate rule, or look at contamination.parquet",
    "context_only": "write `context: keep` in the decontaminate rule",
}

OF_FAMILIES: dict[str, str] = {
    "gopher_": "set the bound of the gopher rule that it names, or `null` for none",
    "c4_": "set what it names in the rule c4, or leave `c4` and `c4-lines` out",
    "fineweb_": "set the bound of the fineweb rule that it names, or `null` for none",
    "pii_": "raise `max_found` of the rule pii, or write `mask-pii` in its place",
}
"""By what the reasons of the published rules and of `pii` begin with."""

OF_A_RULE = "look at the rule of this recipe that gives this reason"


def remedy_for(reason: str) -> str:
    """What to do where too many documents go for `reason`."""
    family = next((remedy for start, remedy in OF_FAMILIES.items() if reason.startswith(start)), OF_A_RULE)
    return REMEDIES.get(reason, family)
