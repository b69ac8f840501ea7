"""What a user may choose about learning from a teacher; light to import."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ontogeny.lineage.step import Ref, Settings
from ontogeny.model.divergence_kinds import DivergenceKind
from ontogeny.train.config import TrainConfig

DEFAULT_BETA = 0.5


class OwnSamples(Settings):
    """Answers that the student writes itself while it learns, for its teacher to judge."""

    share: Annotated[float, Field(gt=0, le=1)]
    """Share of the steps that learn from them (lambda of GKD, arXiv 2306.13649); the others read the data's answers."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """At which they are sampled."""
    max_tokens: Annotated[int, Field(ge=1)] = 128
    """Longest answer that is written."""


class DistilSettings(Settings):
    """Settings of `task: distil` beside those of `instruct`."""

    teacher: Annotated[str, Ref("model", "adapter")]
    """Whose next tokens are learnt; it has the tokenizer of `model`."""
    divergence: DivergenceKind = "forward-kl"
    """What is made small: forward-kl covers all that the teacher may say, reverse-kl keeps to what it says most, jsd
    is the generalised Jensen-Shannon divergence, between the two."""
    beta: Annotated[float, Field(gt=0, lt=1)] | None = None
    """`jsd`: the teacher's share of the mixture that both are held against; near 0 it is like forward-kl, near 1 like
    reverse-kl. None: 0.5."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """What the logits of both are divided by; above 1 unlikely tokens count more."""
    labels_weight: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the ordinary cross-entropy on the data's answers in the loss; the rest is the divergence."""
    own_samples: OwnSamples | None = None
    """Which steps learn from answers of the student. None: every step reads the data's."""
    top_tokens: Annotated[int, Field(ge=1)] | None = None
    """How many of the teacher's likeliest tokens at each place of the data are computed once, before training, and
    kept, all others counting as one. None: the teacher is asked in every step, and the divergence is exact."""

    @model_validator(mode="after")
    def _check(self) -> DistilSettings:
        if self.beta is not None and self.divergence != "jsd":
            raise ValueError(f"`beta` has no effect on `divergence: {self.divergence}`: leave it out")
        if self.own_samples is not None and self.own_samples.share == 1:
            for name, given in (("labels_weight", self.labels_weight), ("top_tokens", self.top_tokens)):
                if given:
                    raise ValueError(
                        f"`{name}` is about the data's answers, which no step reads with `own_samples.share: 1`: leave "
                        "one of the two out"
                    )
        return self


def check_distilling(settings: DistilSettings | None, train: TrainConfig, *, learning_curve: bool) -> None:
    """Refuse what a student cannot be taught with.

    Raises:
        ValueError: names the setting.
    """
    if settings is None:
        raise ValueError("`task: distil` needs a teacher: `distil: {teacher: MODEL}`")
    if train.processes > 1:
        raise ValueError("`task: distil` trains in one process: leave `train.processes` out")
    if train.z_loss:
        raise ValueError("`train.z_loss` is not for `task: distil`: leave it out")
    if learning_curve:
        raise ValueError("`learning_curve` is not for `task: distil`: leave it out")
