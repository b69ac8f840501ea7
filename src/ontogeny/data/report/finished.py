"""The report of a corpus that was made before: its figures, and what reading it again adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ontogeny.core.errors import DataError
from ontogeny.core.files import read_json
from ontogeny.data.croissant import corpus_card
from ontogeny.data.relevance import read_reference
from ontogeny.data.report import FIGURES_FILE, write_files
from ontogeny.data.report.survey import rule_figures, survey
from ontogeny.data.rules import Rule
from ontogeny.records.formats import bare_name


def report_finished(
    payload: Path,
    folder: Path,
    *,
    name: str,
    version: int,
    rules: Sequence[Mapping[str, Any]],
    references: Sequence[Path],
) -> dict[str, Any]:
    """Write page, figures and card of the corpus in `payload` into `folder`; gives the figures.

    Args:
        name, version: of the artifact.
        rules: the recipe's, as its manifest has them. Curves need them as they are today: without that there are none.
        references: files of text that the corpus should be good for.

    Raises:
        DataError: the folder holds no corpus.
        UsageError: a reference is not there.
    """
    there = payload / FIGURES_FILE
    figures: dict[str, Any] = read_json(there) if there.exists() else {}
    if "documents_read" not in figures:  # other artifacts have figures of their own
        raise DataError(
            "there are no figures of a corpus here", where=str(payload), hint="give the name of a corpus"
        )
    known = read_rules(rules)
    figures |= {"rules": rule_figures(known)} if known else {}
    figures |= survey(payload, figures, rules=known, references=_read_references(references))
    folder.mkdir(parents=True, exist_ok=True)
    card = corpus_card(payload, figures, name=name, version=f"{version}.0.0", folder=folder)
    write_files(folder, figures, card, title=name)
    return figures


def read_rules(rules: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules of a manifest; none where an older version wrote them in a way that is not known any more."""
    try:
        return TypeAdapter(tuple[Rule, ...]).validate_python(tuple(rules))
    except ValidationError:
        return ()


def _read_references(paths: Sequence[Path]) -> dict[str, list[str]]:
    """The texts of each file, by its bare name, or its whole path where two have the same."""
    names = [bare_name(path) for path in paths]
    return {
        name if names.count(name) == 1 else str(path): read_reference(path)
        for name, path in zip(names, paths, strict=True)
    }
