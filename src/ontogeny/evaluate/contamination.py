"""Whether the items of a suite stand in what a model has learnt from, as far as its lineage is known here.

The corpora and examples among a model's ancestors are read once and searched for the questions, as decontamination does
at curation (`data.decontaminate`): n-grams propose, the closer look decides. What was found is kept by the digests of
items and text, so that the same search is never made twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from ontogeny.core.compiled import start_numba
from ontogeny.core.errors import ArtifactError
from ontogeny.core.files import canonical_json, digest_json, read_json, write_atomic
from ontogeny.core.progress import Progress
from ontogeny.data.decontaminate.items import Item
from ontogeny.data.rules.decontaminate import CONTAMINATED, Decontaminate
from ontogeny.evaluate.scores import Scores
from ontogeny.evaluate.trust import Contamination, SearchedText, Spotted
from ontogeny.evaluate.wording import listed
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.reads import Reads
from ontogeny.records.parts import part_paths
from ontogeny.report import numbers

VERSION = 2
"""Of the search: one more where the same items and text would give something else."""
FOLDER = "contamination"
FIGURE = "contaminated"
CLEAN = "clean"
RULE = Decontaminate(type="decontaminate", against=("the items of the evaluation",))
"""The bounds of decontamination, unchanged: they were chosen on planted leaks (`benchmarks/decontamination.py`)."""
SHOWN_DOCUMENTS = 3
"""Of one item, those with most of it."""
SHOWN_CHARS = 600


@dataclass(frozen=True)
class Lineage:
    """What each model has learnt from, by its name, and how many bytes of files may be searched in all."""

    reads: Mapping[str, Reads]
    max_bytes: int


@dataclass(frozen=True)
class Finding:
    """What one text holds of a suite's items."""

    text: SearchedText
    untold: frozenset[str]
    """Ids of items that are too short to be told from chance."""
    spotted: Mapping[str, tuple[Spotted, ...]]
    """By the item's id, those with most of it first; no more than SHOWN_DOCUMENTS."""

    def under(self, name: str) -> Finding:
        """The same of a text that has this name: artifacts of one content may have several."""
        named = {
            item: tuple(one.model_copy(update={"artifact": name}) for one in those)
            for item, those in self.spotted.items()
        }
        return Finding(self.text.model_copy(update={"name": name}), self.untold, named)


def search_lineage(
    wanted: Mapping[str, Sequence[Item]],
    lineage: Lineage,
    *,
    cache: Path | None = None,
    progress: Progress,
) -> dict[tuple[str, str], list[Finding]]:
    """What the texts of each model hold of each suite's items, by (suite, model).

    Texts beyond the bytes that may be searched are left out; those that are known already are not read.
    """
    texts: dict[str, Artifact] = {}
    for text in (text for known in lineage.reads.values() for text in known.texts):
        texts.setdefault(text.digest, text)
    store = _Store(cache)
    found: dict[tuple[str, str], Finding] = {}
    left = lineage.max_bytes
    for digest, text in texts.items():
        open_suites = []
        for suite, items in wanted.items():
            if (known := store.get(items, text)) is not None:
                found[suite, digest] = known
            else:
                open_suites.append(suite)
        size = _bytes_of(text)
        if not open_suites or size > left:
            continue
        left -= size
        for suite, one in _searched(text, {suite: wanted[suite] for suite in open_suites}, progress).items():
            found[suite, digest] = store.put(wanted[suite], text, one)
    return {
        (suite, model): [
            found[suite, text.digest].under(text.name)
            for text in known.texts
            if (suite, text.digest) in found
        ]
        for suite in wanted
        for model, known in lineage.reads.items()
    }


def mark(
    scores: Mapping[str, dict[str, Scores]],
    wanted: Mapping[str, Sequence[Item]],
    lineage: Lineage,
    *,
    cache: Path | None,
    progress: Progress,
) -> None:
    """Search what the models have learnt from, and put what is found on their `scores[suite][model]`.

    Suites without items to look for stay as they are.
    """
    asked = {suite: items for suite, items in wanted.items() if items}
    unsearched: set[str] = set()
    totals: dict[str, Counter[str]] = {}
    for (suite, model), findings in search_lineage(asked, lineage, cache=cache, progress=progress).items():
        if model not in scores[suite]:
            continue
        marks = scores[suite][model] = marked(scores[suite][model], model, lineage.reads[model], findings)
        known = marks.contamination
        assert known is not None, "suites with items have metrics"
        unsearched |= set(known.unsearched)
        if known.searched:
            total = totals.setdefault(model, Counter())
            total.update(tellable=known.tellable, contaminated=known.contaminated, untold=known.untold)
        if known.contaminated or known.passage_only:
            progress.note(told(known))
    for model, total in totals.items():
        progress.note(
            f"contamination: in what {model} learnt from, {numbers.count(total['contaminated'])} of "
            f"{numbers.counted(total['tellable'], 'item')} found{_too_short(total['untold'])}"
        )
    for one in sorted(unsearched):
        progress.note(f"contamination: {one}")


def _searched(text: Artifact, wanted: Mapping[str, Sequence[Item]], progress: Progress) -> dict[str, Finding]:
    """Read one text for several suites."""
    start_numba()
    from ontogeny.data.decontaminate.index import build_index
    from ontogeny.data.decontaminate.search import documents_in, search

    began = perf_counter()
    indices = [build_index(items, n_gram=RULE.n_gram, max_items=RULE.max_items) for items in wanted.values()]
    with progress.bar(f"items in {text.name}", total=documents_in(text.path), unit="documents") as bar:
        read = search(text.path, indices, RULE, advance=bar.advance)
    seconds = perf_counter() - began
    about = SearchedText(name=text.name, digest=text.digest, documents=read[0].documents, bytes=read[0].bytes)
    progress.note(
        f"contamination: {numbers.size(about.bytes)} of {text.name} searched for the items of "
        f"{listed([*wanted])} in {numbers.seconds(seconds)}"
    )
    found = {}
    for (suite, items), index, one in zip(wanted.items(), indices, read, strict=True):
        spotted: dict[str, list[Spotted]] = {}
        for sighting in one.sightings:
            spotted.setdefault(items[sighting.item].id, []).append(
                Spotted(
                    artifact=text.name, document=sighting.document, source=sighting.source,
                    verdict=sighting.verdict, share=sighting.share, answer=sighting.answer,
                    words=_shortened(sighting.words),
                )
            )  # fmt: skip
        found[suite] = Finding(
            about,
            frozenset(items[number].id for number in index.untold),
            {item: _worst(those) for item, those in spotted.items()},
        )
    return found


def _worst(spotted: Iterable[Spotted]) -> tuple[Spotted, ...]:
    """The documents that say most: with the question before those with its passage alone, then by share."""
    ordered = sorted(
        spotted, key=lambda one: (one.verdict != CONTAMINATED, -one.share, one.artifact, one.document)
    )
    return tuple(ordered[:SHOWN_DOCUMENTS])


def _shortened(words: str) -> str:
    if len(words) <= SHOWN_CHARS:
        return words
    return f"{words[: SHOWN_CHARS // 2]} … {words[-SHOWN_CHARS // 2 :]}"


def _bytes_of(text: Artifact) -> int:
    return sum(path.stat().st_size for path in part_paths(text.path))


def marked(scores: Scores, model: str, reads: Reads, findings: Sequence[Finding]) -> Scores:
    """The scores with what is known of their items: the share, rows that show the words, results with and without."""
    items = scores.metrics[0].items
    spotted = {
        item: _worst(one for finding in findings for one in finding.spotted.get(item, ())) for item in items
    }
    verdicts = {item: those[0].verdict for item, those in spotted.items() if those}
    untold = frozenset[str]().union(*(one.untold for one in findings))
    is_met = {item: verdicts.get(item) == CONTAMINATED for item in items if item not in untold}
    met = tuple(item for item, yes in is_met.items() if yes)
    known = Contamination(
        suite=scores.suite, model=model, items=len(items), contaminated=len(met),
        passage_only=len(verdicts) - len(met), untold=len(items) - len(is_met),
        searched=tuple(one.text for one in findings), unsearched=tuple(_unsearched(reads, findings)),
    )  # fmt: skip
    update: dict[str, object] = {"contamination": known}
    if findings:
        found = [
            {"contaminated": is_met.get(row.item), "spotted": spotted.get(row.item) or None}
            for row in scores.rows
        ]
        update["rows"] = tuple(
            row.model_copy(update=one) for row, one in zip(scores.rows, found, strict=True)
        )
    if known.share is not None:
        update["figures"] = {**scores.figures, FIGURE: known.share}
    if 0 < len(met) < len(items):
        clean = tuple(item for item, yes in is_met.items() if not yes)
        parts = {CLEAN: clean, CONTAMINATED: met}
        update["slices"] = scores.slices | {part: those for part, those in parts.items() if those}
    return scores.model_copy(update=update)


def _unsearched(reads: Reads, findings: Sequence[Finding]) -> Iterator[str]:
    """What a model has read that was not searched, in words."""
    searched = {finding.text.digest for finding in findings}
    for name in reads.unknown:
        yield f"what {name} read before it was imported is not known here"
    for name in reads.missing:
        yield f"{name} is no longer in the workspace"
    for text in reads.texts:
        if text.digest not in searched:
            yield f"{text.name} ({numbers.size(_bytes_of(text))}) is more than `contamination_bytes` allow"


def told(found: Contamination) -> str:
    """What is known of a suite's items and a model, in a sentence or two."""
    unsearched = "; ".join(found.unsearched)
    if not found.searched:
        why = unsearched or "its lineage holds no text"
        return f"Whether {found.model} has seen items of {found.suite} is not known: {why}."
    names = ", ".join(one.name for one in found.searched)
    size = numbers.size(sum(one.bytes for one in found.searched))
    met = (
        f"In what {found.model} learnt from, {numbers.count(found.contaminated)} of "
        f"{numbers.counted(found.tellable, 'item')} of {found.suite} found"
    )
    if found.passage_only:
        met += f", and of {numbers.count(found.passage_only)} more the passage alone"
    met += f" ({names}; {size}){_too_short(found.untold)}."
    return f"{met} Not searched: {unsearched}." if unsearched else met


def _too_short(untold: int) -> str:
    return f"; {numbers.count(untold)} too short to be told" if untold else ""


class _Store:
    """Findings by the digests of items and text, one file each; nowhere without a folder."""

    def __init__(self, cache: Path | None) -> None:
        self._folder = cache / FOLDER if cache is not None else None

    def get(self, items: Sequence[Item], text: Artifact) -> Finding | None:
        """What was found; None where it is not known, or not readable."""
        try:
            kept = read_json(self._path(items, text)) if self._folder else None
        except ArtifactError:
            return None
        if not isinstance(kept, dict):
            return None
        return Finding(
            SearchedText.model_validate(kept["text"]),
            frozenset(kept["untold"]),
            {
                item: tuple(Spotted.model_validate(one) for one in those)
                for item, those in kept["spotted"].items()
            },
        )

    def put(self, items: Sequence[Item], text: Artifact, found: Finding) -> Finding:
        """Keep what was found."""
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            kept = {
                "text": found.text.model_dump(mode="json"),
                "untold": sorted(found.untold),
                "spotted": {
                    item: [one.model_dump(mode="json") for one in those]
                    for item, those in found.spotted.items()
                },
            }
            write_atomic(self._path(items, text), canonical_json(kept))
        return found

    def _path(self, items: Sequence[Item], text: Artifact) -> Path:
        assert self._folder is not None, "checked by the callers"
        asked = [[item.id, item.question, item.context, list(item.answers)] for item in items]
        digest = digest_json(
            {"version": VERSION, "items": asked, "text": text.digest, "bounds": RULE.model_dump(mode="json")}
        )
        return self._folder / f"{digest.partition(':')[2]}.json"
