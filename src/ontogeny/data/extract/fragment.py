"""Text of a piece of HTML that is all content: a post, a mail. Lists, line breaks and code stay as they are."""

from __future__ import annotations

import re

from ontogeny.data.extract.hazards import check_hazards

BULLET = re.compile(r"^[ \t]*• ", re.MULTILINE)
BLANK_LINES = re.compile(r"\n[ \t]*\n\s*\n")


def fragment_text(html: str) -> str:
    """Everything that `html` says, code blocks with their indentation.

    Raises:
        NotExtractedError: it is built so that no parser should see it.
    """
    from resiliparse.extract.html2text import extract_plain_text

    check_hazards(html)
    text = extract_plain_text(html, preserve_formatting=True, main_content=False, alt_texts=False)
    return BLANK_LINES.sub("\n\n", BULLET.sub("- ", text).replace("\xa0", " ")).strip("\n").rstrip()
