"""Mixtures: what is read of each source, in which phase, from corpora that stay unmixed.

A source is a stream: its documents in an order of its own, then all of them again in another. A phase takes from every
stream as many tokens as its weight says, to the token, and the next phase goes on where it stopped; so nothing is
repeated before everything was read, and the epochs of each source are known before training begins. The pieces of a
phase are shuffled, laid end to end and cut into rows, which the order of the run reads once each.

parts -> `open_mixture` -> sources -> `take` (tokens of each in each phase) -> `pack_mixture` -> the packing plan
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from ontogeny.core.errors import DataError, UsageError, nearest
from ontogeny.core.seeds import derive_seed
from ontogeny.tokenizer.shards import TokenShards
from ontogeny.train.config_mixture import MixtureSource, Packing
from ontogeny.train.order import Int64s, PhasedOrder
from ontogeny.train.packing import DocumentSpans, PackingPlan, TooFewTokens, closed_circle, cut_into_rows
from ontogeny.train.phases import Stretch, batch_schedule, cut_at

TRAIN = "train"
FRACTION = (
    "fraction"  # names the hash that chooses documents, so that it is not one that anything else is chosen by
)


@dataclass(frozen=True, eq=False)
class MixedSource:
    """A stream of training documents: those of one artifact, or of one source in it. `name` is for people."""

    name: str
    documents: DocumentSpans
    max_epochs: float | None

    def stretch(self, start: int, tokens: int, seed: int) -> DocumentSpans:
        """Tokens [start, start + tokens) of the stream, as pieces of documents in its order."""
        total = self.documents.tokens
        pieces = []
        for epoch in range(start // total, -(-(start + tokens) // total)):
            order = self.documents.shuffled(derive_seed(seed, "epoch", epoch))
            ends = np.cumsum(order.length) + epoch * total
            begins = ends - order.length
            index = np.flatnonzero((ends > start) & (begins < start + tokens)).astype(np.int64)
            piece = order.take(index)
            skipped = np.maximum(start - begins[index], 0)
            piece.start[:] += skipped
            piece.length[:] = np.minimum(ends[index], start + tokens) - begins[index] - skipped
            pieces.append(piece)
        return joined(pieces)


@dataclass(frozen=True)
class Share:
    """What a source gives to a phase: its normalised weight and, once steps are known, its tokens."""

    source: int
    weight: float
    tokens: int = 0


@dataclass(frozen=True, eq=False)
class Mixture:
    """Sources, and the shares of each phase, which ends after step `ends[p]`.

    `stretches` are the rows and batches of each phase, once they are known (`take`).
    """

    sources: tuple[MixedSource, ...]
    ends: tuple[int, ...]
    phases: tuple[tuple[Share, ...], ...]
    stretches: tuple[Stretch, ...] = ()

    def figures(self) -> list[dict[str, Any]]:
        """For the manifest: of every source the tokens it gives in each phase, its share, and its epochs."""
        everything = sum(share.tokens for phase in self.phases for share in phase)
        figures = []
        for number, source in enumerate(self.sources):
            by_phase = [
                sum(share.tokens for share in phase if share.source == number) for phase in self.phases
            ]
            figures.append(
                {
                    "source": source.name,
                    "documents": len(source.documents),
                    "unique_tokens": source.documents.tokens,
                    "tokens": sum(by_phase),
                    "tokens_by_phase": by_phase,
                    "share": sum(by_phase) / everything,
                    "epochs": sum(by_phase) / source.documents.tokens,
                }
            )
        return figures


class JoinedShards:
    """The shards of several artifacts as one: shard numbers go on from one to the next.

    `documents` has the columns of their indexes, training documents and held-out ones, the latter each once; `ends` are
    the tokens about each text.

    Raises:
        DataError: some begin their documents with a begin-of-text token, and some do not.
    """

    def __init__(self, artifacts: Sequence[TokenShards]) -> None:
        self.ends = artifacts[0].ends
        if any(one.ends != self.ends for one in artifacts):
            raise DataError(
                "only some of the tokens in the mixture have a begin-of-text token before each document",
                hint="the others are of an older version or of another tokenizer: run their recipes again, with one"
                " tokenizer for all",
            )
        counts = [int(one.documents["shard"].max(initial=-1)) + 1 for one in artifacts]
        self.first_shard = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._artifacts = artifacts
        columns: dict[str, list[npt.NDArray[Any]]] = {}
        for number, one in enumerate(artifacts):
            for name, values in one.documents.items():
                columns.setdefault(name, []).append(
                    values + self.first_shard[number] if name == "shard" else values
                )
        self.artifact = np.repeat(
            np.arange(len(artifacts)), [len(one.documents["shard"]) for one in artifacts]
        )
        self.documents = {
            name: np.concatenate(parts) for name, parts in columns.items() if len(parts) == len(artifacts)
        }

    def read(self, shard: int, start: int, length: int) -> npt.NDArray[Any]:
        """Token ids (length,) of a shard."""
        number = int(np.searchsorted(self.first_shard, shard, side="right")) - 1
        return self._artifacts[number].read(shard - int(self.first_shard[number]), start, length)

    def digests(self, artifact: int) -> npt.NDArray[Any] | None:
        """The content digest of each document of an artifact, before any was forgotten; None where it has none."""
        return self._artifacts[artifact].digests()

    def keep(self, which: npt.NDArray[np.bool_]) -> None:
        """Forget the documents that are not `which` (n,)."""
        self.documents = {name: values[which] for name, values in self.documents.items()}
        self.artifact = self.artifact[which]


def open_mixture(
    parts: Sequence[MixtureSource], artifacts: Mapping[str, TokenShards], *, steps: int
) -> tuple[Mixture, JoinedShards]:
    """The sources and phases that `parts` describe; `artifacts` are their shards by the name in `from`.

    Raises:
        DataError: a source has no digests for its fraction; a document is trained on here and held out there.
        UsageError: an artifact has no source of a name, a source has no training documents (of its fraction), or two
            caps or fractions.
    """
    names = list(dict.fromkeys(part.tokens for part in parts))
    shards = JoinedShards([artifacts[name] for name in names])
    _check_splits(shards)
    sources: dict[tuple[str, str | None], int] = {}
    made: list[MixedSource] = []
    used = np.zeros(len(shards.artifact), dtype=np.bool_)
    settings: dict[int, tuple[float | None, float]] = {}
    phases: dict[int, list[Share]] = {}
    for part in parts:
        artifact = names.index(part.tokens)
        by_name = part.sources
        if by_name is None and any(other.sources for other in parts if other.tokens == part.tokens):
            by_name = _as_they_come(shards, artifact, part)
        within: list[tuple[str | None, float]] = [*(by_name or {}).items()] or [(None, 1.0)]
        for name, weight in within:
            number = sources.setdefault((part.tokens, name), len(sources))
            of_source = _documents_of(shards, artifact, part.tokens, name)
            used |= of_source
            if number == len(made):
                made.append(_source(shards, of_source, part, name))
                settings[number] = part.max_epochs, part.fraction
            elif settings[number] != (part.max_epochs, part.fraction):
                raise UsageError(
                    f"{made[number].name} has two settings of `max_epochs` or `fraction`",
                    hint="they hold for the whole of training: give both of its entries the same",
                )
            share = part.weight * weight / sum(each for _, each in within)
            phases.setdefault(steps if part.until is None else part.until, []).append(Share(number, share))
    held_out = used & (shards.documents["split"] != TRAIN)
    held_out[held_out] = _first_of_each(shards.documents["doc_id"][held_out])
    shards.keep((used & (shards.documents["split"] == TRAIN)) | held_out)
    ends = tuple(phases)
    return Mixture(tuple(made), ends, tuple(_normalised(phases[end]) for end in ends)), shards


def single_source(documents: DocumentSpans, steps: int) -> Mixture:
    """All of `documents` as one stream, read by one phase as often as `steps` need."""
    whole = documents.take(np.flatnonzero(documents.length > 0).astype(np.int64))
    return Mixture((MixedSource("the tokens", whole, None),), (steps,), ((Share(0, 1.0),),))


def take(mixture: Mixture, stretches: Sequence[Stretch]) -> Mixture:
    """`mixture` with the tokens of every share; those of a phase sum up to its rows times its `seq_len`.

    A phase of the result ends where one of the mixture or one of the run (`stretches`) does.

    Raises:
        TooFewTokens: a source would be read more often than its `max_epochs` allows.
    """
    stretches = cut_at(stretches, mixture.ends)
    phases = []
    begin = 0
    for stretch in stretches:
        shares = mixture.phases[bisect_left(mixture.ends, stretch.end)]
        tokens = (stretch.end - begin) * stretch.batch_rows * stretch.seq_len
        exact = np.array([share.weight for share in shares]) * tokens
        given = np.floor(exact).astype(np.int64)
        largest = np.argsort(given - exact, kind="stable")[: tokens - int(given.sum())]
        given[largest] += 1
        phases.append(
            tuple(
                Share(share.source, share.weight, int(count))
                for share, count in zip(shares, given, strict=True)
            )
        )
        begin = stretch.end
    ends = tuple(stretch.end for stretch in stretches)
    taken = Mixture(mixture.sources, ends, tuple(phases), stretches)
    _check_repetition(taken)
    return taken


def pack_mixture(mixture: Mixture, *, seed: int, packing: Packing = "end-to-end") -> PackingPlan:
    """The packing plan of a mixture whose tokens are known (`take`): every row is read once, and every one is full."""
    read = [0] * len(mixture.sources)
    laid: list[DocumentSpans] = []
    cuts, first_row, first_span = [], 0, 0
    for number, (shares, stretch) in enumerate(zip(mixture.phases, mixture.stretches, strict=True)):
        pieces = []
        for share in shares:
            key = derive_seed(seed, "source", share.source)
            if share.tokens:
                pieces.append(mixture.sources[share.source].stretch(read[share.source], share.tokens, key))
            read[share.source] += share.tokens
        shuffled = joined(pieces).shuffled(derive_seed(seed, "pieces", number))
        if packing == "best-fit":
            shuffled = shuffled.fitted(stretch.seq_len, derive_seed(seed, "fit", number))
        circle = closed_circle(shuffled)
        cut = cut_into_rows(circle.length, stretch.seq_len)
        cuts.append((cut, first_row, first_span))
        first_row, first_span = first_row + cut.rows, first_span + len(circle)
        laid.append(circle)
    spans = joined(laid)
    doc_ids, document = np.unique(np.array(spans.doc_ids, dtype=str), return_inverse=True)
    span = np.concatenate([cut.span + begin for cut, _, begin in cuts])
    return PackingPlan(
        doc_ids=[str(doc_id) for doc_id in doc_ids],
        row=np.concatenate([cut.row + begin for cut, begin, _ in cuts]),
        offset=np.concatenate([cut.offset for cut, _, _ in cuts]),
        document=document.astype(np.int64)[span],
        shard=spans.shard[span],
        start=spans.start[span] + np.concatenate([cut.skipped for cut, _, _ in cuts]),
        length=np.concatenate([cut.length for cut, _, _ in cuts]),
        seq_len=max(stretch.seq_len for stretch in mixture.stretches),
        order=PhasedOrder(batch_schedule(mixture.stretches), derive_seed(seed, "rows")),
    )


def joined(parts: Sequence[DocumentSpans]) -> DocumentSpans:
    """All of `parts`, one after the other."""
    return DocumentSpans(
        [doc_id for part in parts for doc_id in part.doc_ids],
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("shard", "start", "length")),
    )


def chosen(digests: Sequence[str], fraction: float) -> npt.NDArray[np.bool_]:
    """(n,) True for the part of the documents that a fraction keeps: a function of each content digest alone."""
    limit = int(fraction * 2**64)
    hashes = (blake3(f"{FRACTION}\x1f{digest}".encode()).digest(8) for digest in digests)
    return np.array([int.from_bytes(each, "big") < limit for each in hashes], dtype=np.bool_)


def _as_they_come(shards: JoinedShards, artifact: int, part: MixtureSource) -> dict[str, float]:
    """The sources of an artifact, weighed by their tokens: as a whole is read where another part names some of them."""
    here = _training_documents(shards, shards.artifact == artifact, part)
    names, place = np.unique(shards.documents["source"][here].astype(str), return_inverse=True)
    tokens = np.bincount(place, weights=shards.documents["length"][here], minlength=len(names))
    return dict(zip(names.tolist(), tokens.tolist(), strict=True))


def _training_documents(shards: JoinedShards, which: npt.NDArray[np.bool_], part: MixtureSource) -> Int64s:
    """Where those of `which` (n,) lie that `part` may read."""
    index = shards.documents
    here = np.flatnonzero(which & (index["split"] == TRAIN) & (index["length"] > 0)).astype(np.int64)
    return here[_of_fraction(shards, here, part)] if part.fraction < 1 else here


def _source(
    shards: JoinedShards, of_source: npt.NDArray[np.bool_], part: MixtureSource, name: str | None
) -> MixedSource:
    index, here = shards.documents, _training_documents(shards, of_source, part)
    label = part.tokens if name is None else f"{part.tokens}/{name}"
    if not len(here):
        less, other = (" of its fraction", ", or raise `fraction`") if part.fraction < 1 else ("", "")
        raise UsageError(f"{label} has no training document{less}", hint=f"take it out of the mixture{other}")
    # By id, and not as the index has them: neither files nor workers decide what is read when.
    here = here[np.argsort(index["doc_id"][here].astype(str), kind="stable")]
    shard, start, length = (index[column][here].astype(np.int64) for column in ("shard", "start", "length"))
    spans = DocumentSpans([str(doc_id) for doc_id in index["doc_id"][here]], shard, start, length)
    return MixedSource(label, spans, part.max_epochs)


def _of_fraction(shards: JoinedShards, here: Int64s, part: MixtureSource) -> npt.NDArray[np.bool_]:
    """(n,) which of the documents `here` (n,), all of one artifact, its fraction keeps."""
    if not len(here):
        return np.zeros(0, dtype=np.bool_)
    artifact = int(shards.artifact[here[0]])
    digests = shards.digests(artifact)
    if digests is None:
        raise DataError(
            f"{part.tokens} does not know what its documents say, and `fraction` chooses by that",
            hint="its tokens are of an older version: run their recipe again, or leave `fraction` out",
        )
    first = int(np.argmax(shards.artifact == artifact))
    return chosen(digests[here - first].tolist(), part.fraction)


def _documents_of(shards: JoinedShards, artifact: int, label: str, name: str | None) -> npt.NDArray[np.bool_]:
    of_artifact: npt.NDArray[np.bool_] = shards.artifact == artifact
    if name is None:
        return of_artifact
    found: npt.NDArray[np.bool_] = of_artifact & (shards.documents["source"] == name)
    if not found.any():
        known = sorted({str(each) for each in shards.documents["source"][of_artifact]})
        raise UsageError(
            f"{label} has no source {name!r}.{nearest(name, known)}", hint=f"its sources: {', '.join(known)}"
        )
    return found


def _check_splits(shards: JoinedShards) -> None:
    train = shards.documents["split"] == TRAIN
    ids = shards.documents["doc_id"].astype(str)
    both = np.intersect1d(ids[train], ids[~train])
    if len(both):
        raise DataError(
            f"{len(both):,} documents are trained on in one part of the mixture and held out in another,"
            f" such as {both[0]}",
            hint="give the corpora the same `held_out_fraction`",
        )


def _first_of_each(ids: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    first = np.zeros(len(ids), dtype=np.bool_)
    first[np.unique(ids.astype(str), return_index=True)[1]] = True
    return first


def _normalised(shares: Sequence[Share]) -> tuple[Share, ...]:
    whole = sum(share.weight for share in shares)
    return tuple(Share(share.source, share.weight / whole) for share in shares)


def _check_repetition(mixture: Mixture) -> None:
    for number, source in enumerate(mixture.sources):
        tokens = sum(share.tokens for phase in mixture.phases for share in phase if share.source == number)
        unique = source.documents.tokens
        if source.max_epochs is None or tokens <= source.max_epochs * unique:
            continue
        part = source.max_epochs * unique / tokens
        raise TooFewTokens(
            f"{source.name} has {unique:,} tokens and would be read {tokens / unique:.3g} times to give"
            f" {tokens:,}, but its `max_epochs` is {source.max_epochs:g}",
            where="tokens",
            hint=f"lower its weight or `train.steps` to {part:.0%} of what they are, raise its `max_epochs`,"
            " or bring more text",
        )
