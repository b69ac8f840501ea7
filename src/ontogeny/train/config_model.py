"""What a training asks of the model that it begins with; light to import, since a plan looks as well."""

from __future__ import annotations

from ontogeny.core.errors import UsageError
from ontogeny.model.config import ModelConfig
from ontogeny.train.config import TrainConfig
from ontogeny.train.config_optimizer import MuonConfig
from ontogeny.train.config_ranks import check_parts
from ontogeny.train.phases import phases_of


def check_model(train: TrainConfig, model: ModelConfig) -> None:
    """Refuse settings that `model` cannot be trained with.

    Raises:
        UsageError: rows longer than its context, heads that cannot be shared out, a rate for an embedding that is the
            head as well, or a phase that it cannot enter.
    """
    if train.seq_len is not None and train.seq_len > model.seq_len:
        raise UsageError(
            f"`train.seq_len` ({train.seq_len}) is longer than the model's context ({model.seq_len})",
            where="train",
            hint=f"lower it to at most {model.seq_len}",
        )
    check_parts(model, train.tensor_parallel)
    optimizer = train.optimizer
    if isinstance(optimizer, MuonConfig) and optimizer.embedding_lr is not None and model.tie_embeddings:
        raise UsageError(
            "`embedding_lr` has no effect: the embedding of this model is its head as well",
            where="train.optimizer",
            hint="give `adam_lr`, which is that of both",
        )
    if train.steps is not None:  # as phases have it
        phases_of(train, model, steps=train.steps)
