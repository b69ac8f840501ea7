"""The corpus card: what is in a corpus and how to read it, in Croissant 1.0 (JSON-LD).

The format is http://mlcommons.org/croissant/1.0 (Akhtar et al. 2024, arXiv:2403.19546). Nothing in the card depends on
when it was written; where, only if it lies elsewhere than the data, which it then names by their place from there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.data.report import PAGE_FILE
from ontogeny.data.write import DROPPED_FILE
from ontogeny.lineage.step import UNKNOWN
from ontogeny.records.parts import part_paths

if TYPE_CHECKING:
    import pyarrow as pa

CROISSANT_FILE = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
PARTS = "parts"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the specification, section "Namespaces". Readers want all of it."""

MEANINGS = {
    "doc_id": "Identity of the document: it does not move when files are renamed or shuffled.",
    "group": "What the document belongs to, such as a book or a host; the split never divides a group.",
    "split": "train; or held_out, which no training step learns from; or test, which only a test reads.",
    "source": "Name of the source.",
    "locator": "File and place that the document was read from.",
    "text": "The document, UTF-8.",
    "label": "The class of the text; names with a bar between them, where it has several.",
    "digest": "BLAKE3 digest of the content.",
    "license": "Licence, as the source names it.",
    "date": "Date of the document, ISO 8601, to the day or coarser.",
    "language": "Language, as the source names it.",
    "url": "Where the page stood.",
    "reason": "Why the document was dropped.",
    "score": "The number that decided, where one did.",
    "detail": "What the number is, and which bound it missed; or what stays in the document's place.",
}
SIGNAL_MEANING = "Signal that a rule of the recipe decided over."


def corpus_card(
    payload: Path,
    figures: Mapping[str, Any],
    *,
    name: str,
    version: str = "1.0.0",
    licenses: Iterable[str] | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """The card of the corpus in `payload`, whose tally gave `figures`.

    Beside its data, the card has one record set of all documents, in as many parts as there are. A reader looks for
    the files of a set in the card's own folder and below, so elsewhere each part is a record set of its own.

    Args:
        version: of the artifact, as major.minor.patch.
        licenses: by default those of the documents.
        folder: where the card will lie, beside the data by default.
    """
    named = licenses if licenses is not None else figures["licenses"]
    known = sorted(each for each in named if each != UNKNOWN)
    cutoff = figures["dates"]["latest"]
    way = "" if folder is None or folder.resolve() == payload.resolve() else _way(folder, payload)
    card: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": describe(figures),
        "url": PAGE_FILE,  # it is written beside every card
        "version": version,
        "isLiveDataset": False,
        "distribution": list(_files(payload, way)),
        "recordSet": list(_record_sets(payload, beside=not way)),
    }
    if known:
        card["license"] = known
    if cutoff:
        card["temporalCoverage"] = f"{figures['dates']['earliest']}/{cutoff}"
    card["dataCollection"] = _collection(figures)
    return card


def describe(figures: Mapping[str, Any]) -> str:
    """What the corpus is, in one or two sentences."""
    kept, read, names = figures["documents_kept"], figures["documents_read"], sorted(figures["sources"])
    return (
        f"{kept:,} of {read:,} documents ({figures['bytes_kept']:,} bytes of text) from {', '.join(names)};"
        f" {figures['held_out_documents']:,} are held out of training. What was dropped lies beside them, each with"
        " its reason."
    )


def _collection(figures: Mapping[str, Any]) -> str:
    sources = "; ".join(
        f"{name}: {each['kept']:,} of {each['read']:,} records kept"
        for name, each in sorted(figures["sources"].items())
    )
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in sorted(figures["dropped"].items()))
    return f"{sources}. Dropped: {dropped or 'nothing'}."


def _way(folder: Path, payload: Path) -> str:
    """From `folder` to `payload`, as a URL has it."""
    return Path(os.path.relpath(payload.resolve(), folder.resolve())).as_posix() + "/"


def _files(payload: Path, way: str) -> Iterable[dict[str, Any]]:
    """The files in `payload`; `way` leads there from the card's folder, and is empty for that folder itself."""
    for path in [*part_paths(payload), payload / DROPPED_FILE]:
        if path.exists():
            yield {
                "@type": "cr:FileObject",
                "@id": path.name,
                "name": path.name,
                "contentUrl": f"{way}{path.name}",
                "contentSize": f"{path.stat().st_size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": _sha256(path),
            }
    if not way:
        yield {
            "@type": "cr:FileSet",
            "@id": PARTS,
            "name": PARTS,
            "encodingFormat": "application/x-parquet",
            "includes": "part-*.parquet",
        }


def _sha256(path: Path) -> str:
    """Hexadecimal, as the format wants it; our own digests are BLAKE3 and stand in the manifest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record_sets(payload: Path, *, beside: bool) -> Iterable[dict[str, Any]]:
    import pyarrow.parquet as pq

    paths = part_paths(payload)
    sources = {"documents": {"fileSet": {"@id": PARTS}}}
    if not beside:
        names = ["documents"] if len(paths) == 1 else [f"documents-{path.stem}" for path in paths]
        sources = {name: {"fileObject": {"@id": path.name}} for name, path in zip(names, paths, strict=True)}
    for name, each in sources.items() if paths else ():
        yield _record_set(name, "Documents of the corpus.", pq.read_schema(paths[0]), each)
    dropped = payload / DROPPED_FILE
    if dropped.exists():
        source = {"fileObject": {"@id": DROPPED_FILE}}
        yield _record_set(
            "dropped", "Documents and records that were dropped.", pq.read_schema(dropped), source
        )


def _record_set(name: str, description: str, schema: pa.Schema, source: Mapping[str, Any]) -> dict[str, Any]:
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{field.name}",
            "name": field.name,
            "description": MEANINGS.get(field.name, SIGNAL_MEANING),
            "dataType": data_type,
            "source": {**source, "extract": {"column": field.name}},
        }
        for field in schema
        if (data_type := _data_type(field.type)) is not None
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/doc_id"},
        "field": fields,
    }


def _data_type(kind: pa.DataType) -> str | None:
    """The schema.org type of a column; None for nested ones, which the card leaves out."""
    import pyarrow as pa

    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "sc:Text"
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else None
