"""The one visible table of steps: what a recipe may say after `step:`. A new kind of step is one line here."""

from __future__ import annotations

from ontogeny.data.classifier_step import TRAIN_CLASSIFIER
from ontogeny.data.step import CURATE, EXAMPLES
from ontogeny.evaluate.step import EVALUATE
from ontogeny.finetune.step import FINETUNE
from ontogeny.lineage.step import Step
from ontogeny.model.step import EXPORT, IMPORT_MODEL
from ontogeny.tokenizer.step import IMPORT_TOKENIZER, TOKENIZE, TRAIN_TOKENIZER
from ontogeny.train.step import PRETRAIN

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        CURATE,
        EXAMPLES,
        TRAIN_CLASSIFIER,
        TRAIN_TOKENIZER,
        IMPORT_TOKENIZER,
        TOKENIZE,
        IMPORT_MODEL,
        PRETRAIN,
        FINETUNE,
        EVALUATE,
        EXPORT,
    )
}
