"""What a user writes about a judge: a model that reads two answers to one question and says which is better."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ontogeny.lineage.step import Ref, Settings

CRITERION = "It is more correct, more useful to whoever asked, and to the point. Being longer is no merit."


class Judging(Settings):
    """A third model that holds the answers of the model against those of the baseline."""

    model: Annotated[str, Ref("model", "adapter", "export", only_decides=True)]
    """Who judges: a model that has no weights, and no teacher, in common with those that it judges."""
    criterion: str = Field(CRITERION, min_length=1)
    """What makes one answer the better one, in words that the judge is told."""
