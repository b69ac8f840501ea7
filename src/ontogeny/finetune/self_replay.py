"""Conversations that a model makes up before it is tuned: of what it was made for, when nobody can say what that was.

What it was trained on is seldom at hand, but the model can be asked. After the beginning of its template it writes what
it takes for a question (arXiv 2406.08464, section 2), and then its answer; learnt among the examples of the task they
hold it where it was (arXiv 2403.01244). Drawn at temperature 1, as it believes questions and answers are spread; those
that come to no end within their bound are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ontogeny.core.errors import DataError
from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed
from ontogeny.finetune.distil_samples import write_answers
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.chat import Messages, encode_opening, encode_prompt
from ontogeny.tokenizer.codec import Tokenizer

ROWS_AT_ONCE = 8
QUESTION_TOKENS, ANSWER_TOKENS = (
    128,
    256,
)  # at most: longer ones ramble, and cost a pass over the model a token
MOST_BATCHES = 8  # times those that would do if every conversation came to its end
DOC_ID = "self-{:06d}"  # no document of a source: those are hexadecimal


def made_up(
    model: Transformer, tokenizer: Tokenizer, wanted: int, *, seed: int, kept: Path, progress: Progress
) -> list[tuple[str, Messages]]:
    """`wanted` (doc_id, messages) pairs; what is written is kept in `kept`, one JSON line each batch, and read again.

    Raises:
        DataError: the template ends questions without a special token, or the model hardly ever comes to an end.
    """
    found: list[Messages] = []
    batches = -(-wanted // ROWS_AT_ONCE)
    lines = _whole_lines(kept)
    with progress.bar("making up conversations", total=wanted, unit="conversations") as bar:
        for number in range(MOST_BATCHES * batches):
            if number < len(lines):
                batch = json.loads(lines[number])
            else:
                batch = _batch(model, tokenizer, seed=derive_seed(seed, number))
                with kept.open("a") as file:
                    file.write(json.dumps(batch) + "\n")
            taken = batch[: wanted - len(found)]
            found += taken
            bar.advance(len(taken))
            if len(found) == wanted:
                return [(DOC_ID.format(place), messages) for place, messages in enumerate(found)]
    raise DataError(
        f"of {MOST_BATCHES * batches * ROWS_AT_ONCE:,} conversations that the model began it ended {len(found):,}, and "
        f"{wanted:,} are wanted",
        where="self_replay",
        hint="name examples or a corpus in `replay` instead, or lower `replay_share`",
    )


def _batch(model: Transformer, tokenizer: Tokenizer, *, seed: int) -> list[Messages]:
    """Those of `ROWS_AT_ONCE` conversations that have a question and an answer, each of them ended."""
    opening, question_end = encode_opening(tokenizer)
    begun = [opening or [tokenizer.start_id]] * ROWS_AT_ONCE
    stops = frozenset({question_end, *tokenizer.stop_ids})
    questions = list(
        _ended(
            tokenizer,
            _written(model, tokenizer, begun, QUESTION_TOKENS, stops, seed=derive_seed(seed, "ask")),
        )
    )
    asked = [question for question in questions if question]
    if not asked:
        return []
    prompts = [encode_prompt(tokenizer, [{"role": "user", "content": question}]) for question in asked]
    answers = _ended(
        tokenizer,
        _written(
            model,
            tokenizer,
            prompts,
            ANSWER_TOKENS,
            frozenset(tokenizer.stop_ids),
            seed=derive_seed(seed, "answer"),
        ),
    )
    return [
        [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        for question, answer in zip(asked, answers, strict=True)
        if answer
    ]


def _written(
    model: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    most: int,
    stops: frozenset[int],
    *,
    seed: int,
) -> list[list[int] | None]:
    """What the model writes after each prompt before one of `stops`; None where it came to no end, or had no room."""
    room = model.config.seq_len - max(map(len, prompts))
    if room < 1:
        return [None] * len(prompts)
    written = write_answers(
        model,
        prompts,
        max_tokens=min(most, room),
        temperature=1.0,
        stop_ids=stops,
        vocab_size=tokenizer.vocab_size,
        seed=seed,
    )
    return [ids[:-1] if ids[-1] in stops else None for ids in written]


def _ended(tokenizer: Tokenizer, written: Sequence[Sequence[int] | None]) -> Iterator[str]:
    """As text; nothing for what came to no end, or has special tokens or half a letter in it."""
    special = set(tokenizer.special_ids.values())
    for ids in written:
        text = "" if ids is None or special & set(ids) else tokenizer.decode(ids).strip()
        yield "" if "\N{REPLACEMENT CHARACTER}" in text else text


def _whole_lines(path: Path) -> list[str]:
    """The lines of a file that a killed run may have left; half a last one is cut off."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        path.write_text("".join(whole))
    return whole
