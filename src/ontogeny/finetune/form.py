"""How a tuned model lies in a folder, at its end and in snapshots: whole, or as adapters that name their base."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ontogeny.finetune.methods import Method
from ontogeny.lineage.artifact import Artifact
from ontogeny.model.config_lora import Lora
from ontogeny.model.formats import peft
from ontogeny.model.formats.companions import CONFIG_FILE, GENERATION_FILE
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.snapshots import Form, WholeModel


@dataclass(frozen=True)
class AdapterFolder:
    """A PEFT folder with the tokenizer, and the configuration of the base for those who want no weights."""

    settings: Lora
    base: peft.Base
    base_folder: Path
    tokenizer: Tokenizer

    def write(self, model: Transformer, folder: Path) -> None:
        """Write the adapters of `model`."""
        peft.save(model, folder, self.settings, self.base)
        for name in (CONFIG_FILE, GENERATION_FILE):
            if (self.base_folder / name).is_file():
                shutil.copyfile(self.base_folder / name, folder / name)
        self.tokenizer.save(folder)

    def read_back(self, model: Transformer, folder: Path) -> None:
        """Give `model` the adapters that were written."""
        peft.read_back(model, folder)


def form_of(method: Method, base: Artifact, model: Transformer, tokenizer: Tokenizer) -> Form:
    """What `model`, which is still the model in `base`, becomes when it is trained by `method`."""
    if not isinstance(method, Lora):
        return WholeModel(tokenizer)
    told = peft.Base(base.name, peft.weights_digest(model), f"../../{base.name}", method.base)
    return AdapterFolder(method, told, base.path, tokenizer)
