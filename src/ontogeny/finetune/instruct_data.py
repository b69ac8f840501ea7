"""From the inputs of a step to encoded conversations: which template, what is cut, what is replayed, what is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed
from ontogeny.finetune.config_conversations import ConversationSettings
from ontogeny.finetune.conversations import Conversations, encode_conversations, read_examples
from ontogeny.finetune.replay import DEFAULT_SHARE, general_rows, joined, rows_wanted
from ontogeny.lineage.artifact import Artifact
from ontogeny.tokenizer.chat import Messages
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.templates import template_notes, with_template

MakeUp: TypeAlias = Callable[[Tokenizer, int], list[tuple[str, Messages]]]
"""So many (doc_id, messages) pairs by the model that will be tuned, in the words of the tokenizer's template."""


@dataclass(frozen=True)
class InstructData:
    """What is learnt from and what is measured on; `tokenizer` has the template that both were written with."""

    tokenizer: Tokenizer
    train: Conversations
    """Replayed rows included."""
    held_out: Conversations
    replayed: int
    """Rows of `train` that are replayed."""

    def figures(self) -> dict[str, int]:
        """Metrics of the step."""
        return {
            "examples": self.train.account.kept,
            "held_out_examples": self.held_out.account.kept,
            "replayed_examples": self.replayed,
            **(self.train.account + self.held_out.account).figures(),
        }


def read_instruct_data(
    settings: ConversationSettings,
    inputs: Mapping[str, Artifact],
    tokenizer: Tokenizer,
    *,
    seq_len: int,
    seed: int,
    progress: Progress,
    make_up: MakeUp,
) -> InstructData:
    """Encode the inputs `data` and `replay` for a model with `tokenizer` that reads `seq_len` tokens.

    `make_up` is asked where the settings have `self_replay`.

    Raises:
        UsageError: a template that does not go with the tokenizer, or none.
        DataError: conversations that the template does not take, or nothing to replay.
    """
    dressed = with_template(tokenizer, settings.template)
    for note in template_notes(dressed, tokenizer):
        progress.note(note)
    folder = inputs["data"].path
    train, held_out = (
        encode_conversations(
            read_examples(folder, split=split), dressed, seq_len=seq_len, too_long=settings.too_long
        )
        for split in ("train", "held_out")
    )
    for note in (train.account + held_out.account).notes(seq_len=seq_len, too_long=settings.too_long):
        progress.note(note)
    alone = len(train)
    if alone and (settings.replay is not None or settings.self_replay):
        wanted = rows_wanted(train, settings.replay_share or DEFAULT_SHARE)
        if settings.self_replay:
            own = make_up(dressed, wanted)
            replayed = encode_conversations(own, dressed, seq_len=seq_len, too_long=settings.too_long)
        else:
            replayed = general_rows(
                inputs["replay"],
                wanted,
                dressed,
                seq_len=seq_len,
                too_long=settings.too_long,
                seed=derive_seed(seed, "replay"),
            )
        train = joined(train, replayed)
    return InstructData(dressed, train, held_out, len(train) - alone)
