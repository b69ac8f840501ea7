"""Files that are read whole by one worker, and which of them a type of source does not read."""

from __future__ import annotations

from pathlib import PurePath

from ontogeny.core.errors import RecipeError
from ontogeny.core.remote import AnyPath
from ontogeny.data.sources.files import FileSource, Unit
from ontogeny.records.compressed import COMPRESSIONS, refuse_archive
from ontogeny.records.formats import OTHER_SUFFIXES, SUFFIXES
from ontogeny.records.paths import expand

OWN_SUFFIXES: dict[str, tuple[str, ...]] = {
    "html": (".html", ".htm", ".xml"),
    "warc": (".warc", ".wet"),
    "wet": (".warc", ".wet"),
    "wikipedia": (".xml",),
    "stackexchange": (".xml",),
    "pdf": (".pdf",),
    "docx": (".docx",),
    "mail": (".eml", ".mbox"),
    "books": tuple(SUFFIXES),
}
"""By the type of a source, the known suffixes that its files may have. Any may have one that says nothing."""

SAYS_NOTHING = (".txt", ".md")

UNDO: dict[str, tuple[str, ...]] = {"warc": (".gz", ".zst"), "wet": (".gz", ".zst"), "pdf": (), "docx": ()}
"""By the type of a source that opens its files itself, the compressions that it undoes; others undo all there are."""


def whole_files(source: FileSource) -> list[Unit]:
    """Each file of `source` as one unit.

    Raises:
        RecipeError: nothing of that name, or a file of another kind by its suffix, or an archive.
    """
    paths = expand(source.path)
    for path in paths:
        refuse_archive(path)
        _check_kind(path, str(getattr(source, "type", "")))
    return [Unit(path, path.stat().st_size) for path in paths]


def _check_kind(path: AnyPath, kind: str) -> None:
    """Refuse a file that would be read as what it is not: nearly any text makes some page, letter or book."""
    own = OWN_SUFFIXES.get(kind)
    if own is None:
        return
    name = path.name.lower()
    packed = PurePath(name).suffix
    if packed in COMPRESSIONS and packed not in UNDO.get(kind, tuple(COMPRESSIONS)):
        raise RecipeError(
            f"a source of `type: {kind}` does not read {packed} files",
            where=str(path),
            hint="unpack it and give the path of what it held",
        )
    for packed in COMPRESSIONS:
        name = name.removesuffix(packed)
    suffix = PurePath(name).suffix
    if suffix in {*SUFFIXES, *OTHER_SUFFIXES} - {*own, *SAYS_NOTHING}:
        raise RecipeError(
            f"a source of `type: {kind}` does not read {suffix} files",
            where=str(path),
            hint="give it another `type`, narrow `path`, or rename the file if its suffix is wrong",
        )
