"""Everyone who is held against the same test part: the tuned model, the majority, a linear model, the base when asked.

The base is asked before it is tuned, so what it said is kept in a file until the others are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import UsageError
from ontogeny.core.files import canonical_json, read_json, write_atomic
from ontogeny.core.progress import Progress
from ontogeny.core.seeds import derive_seed
from ontogeny.finetune.baselines import Linear, baselines, cross_validated, fit_linear
from ontogeny.finetune.judged import Judged
from ontogeny.finetune.judged_sets import JudgedSets
from ontogeny.finetune.labelled import LabelledTexts
from ontogeny.finetune.labels import LabelError, find_label_errors
from ontogeny.finetune.prompting import SHOTS, Shown, draw_shown, prompted
from ontogeny.inference.continuations import score_continuations
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer

TUNED = "fine-tuned"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def unjudged(part: LabelledTexts, gold: Ints, names: tuple[str, ...]) -> Judged:
    """The texts of a part with their classes, before anyone has said anything: all classes are equally likely."""
    even = np.full((len(part), len(names)), 1 / len(names))
    judge = JudgedSets if gold.ndim == 2 else Judged
    return judge(part.doc_ids, part.texts, gold, even, names)


def ask_base(
    model: Transformer,
    tokenizer: Tokenizer,
    train: Judged,
    test: Judged,
    *,
    limit: int,
    seed: int,
    kept: Path,
    progress: Progress,
) -> dict[str, Judged]:
    """What the base says of at most `limit` examples of `test`, without and with examples of `train` in the prompt.

    What was said is kept in the file `kept`, so that a resumed step need not ask again.
    """
    if not limit:
        return {}
    if not kept.is_file():
        write_atomic(kept, canonical_json(_answers(model, tokenizer, train, test, limit, seed, progress)))
    said: dict[str, dict[str, Any]] = read_json(kept)
    return {
        name: replace(test.take(tuple(answer["doc_ids"])), probabilities=np.array(answer["probabilities"]))
        for name, answer in said.items()
    }


def _answers(
    model: Transformer,
    tokenizer: Tokenizer,
    train: Judged,
    test: Judged,
    limit: int,
    seed: int,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    shown = draw_shown(train.texts, train.gold, SHOTS, seed=derive_seed(seed, "shown"))
    said: dict[str, dict[str, Any]] = {}
    asked = {"the base, zero-shot": Shown(), f"the base, {len(shown.texts)}-shot": shown}
    with progress.bar("asking the base", total=len(asked) * min(limit, len(test.texts)), unit="texts") as bar:
        for name, examples in asked.items():
            by_rule = prompted(
                lambda pairs: [score.logprob for score in score_continuations(model, pairs)],
                tokenizer,
                test,
                examples,
                seq_len=model.config.seq_len,
                seed=derive_seed(seed, "asked"),
                limit=limit,
                advance=bar.advance,
            )
            for rule, judged in by_rule.items():
                said[f"{name} ({rule})"] = {
                    "doc_ids": list(judged.doc_ids),
                    "probabilities": judged.probabilities.tolist(),
                }
    return said


def fit_baseline(train: Judged, held_out: Judged, progress: Progress) -> Linear | None:
    """The linear model, or a note where scikit-learn is not there to fit it."""
    try:
        return fit_linear(train.texts, train.gold, held_out.texts, held_out.gold, classes=len(train.names))
    except UsageError as error:
        progress.note(f"classify: {error.message}, so it is left out ({error.hint})")
        return None


def hold_against(
    parts: Mapping[str, Judged], linear: Linear | None, base: Mapping[str, Judged], *, seed: int
) -> tuple[dict[str, Judged], list[LabelError]]:
    """Everyone on the test part by name, the tuned model first; and labels of any part that are probably wrong.

    Args:
        parts: what the tuned model says of `held_out` and `test`, and `train` unjudged: of texts that it has learnt, it
            would repeat the labels, so a linear model that has not judges those. Of texts with several labels none is
            looked at for wrong ones.
        linear: fitted on `train`.
        base: what the prompted base says of texts of `test`.
    """
    train, held_out, test = parts["train"], parts["held_out"], parts["test"]
    everyone = {TUNED: test, **baselines(train.gold, linear, test), **base}
    if isinstance(test, JudgedSets):
        return everyone, []
    if linear is None:
        return everyone, find_label_errors(test, held_out)
    others = cross_validated(
        train.texts,
        train.gold,
        linear.inverse_strength,
        classes=len(test.names),
        seed=derive_seed(seed, "folds"),
    )
    return everyone, find_label_errors(test, held_out, replace(train, probabilities=others))
