"""The steps `import-model` (an outside folder to a model) and `export` (a model to a public format)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from ontogeny.core.errors import RecipeError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import Context, Outputs, Ref, Step, StepConfig


class ImportModelConfig(StepConfig):
    """Settings of `import-model`."""

    step: Literal["import-model"] = "import-model"

    path: str
    """A Hugging Face folder: config.json, safetensors and tokenizer."""


class ExportConfig(StepConfig):
    """Settings of `export`."""

    step: Literal["export"] = "export"

    model: Annotated[str, Ref("model")]
    """What is written."""

    format: Literal["huggingface"] = "huggingface"
    """The public format."""

    type: Literal["f32", "f16", "bf16"] = "f32"
    """How weights are stored."""


def import_model_files(config: ImportModelConfig) -> list[Path]:
    """The files of the folder that belong to the model.

    Raises:
        RecipeError: there is no such folder.
    """
    from ontogeny.model.formats.companions import model_files

    folder = Path(config.path).expanduser()
    if not folder.is_dir():
        raise RecipeError(
            f"no folder {config.path}", hint="`path` names a folder with config.json and model.safetensors"
        )
    return model_files(folder)


def run_import_model(config: ImportModelConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read everything once, with every check, then copy the files as they are."""
    import shutil

    from ontogeny.model.flops import parameter_count
    from ontogeny.model.formats import huggingface
    from ontogeny.tokenizer.codec import Tokenizer

    folder = Path(config.path).expanduser()
    model = huggingface.load(folder)
    tokenizer = Tokenizer.load(folder)
    huggingface.check_tokenizer(tokenizer, model.config, where=str(folder))
    for path in import_model_files(config):
        shutil.copyfile(path, context.payload / path.name)
    return Outputs(
        {
            "family": model.config.family,
            "parameters": parameter_count(model.config),
            "vocab_size": model.config.vocab_size,
            "seq_len": model.config.seq_len,
            "chat_template": tokenizer.chat_template is not None,
        }
    )


def run_export(config: ExportConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Write the model in the format and type asked for."""
    from ontogeny.model.formats.companions import WEIGHTS_FILE
    from ontogeny.model.formats.export import write_export

    write_export(inputs["model"].path, context.payload, weight_type=config.type)
    files = sorted(path.name for path in context.payload.iterdir())
    return Outputs({"files": files, "weights_bytes": (context.payload / WEIGHTS_FILE).stat().st_size})


IMPORT_MODEL = Step(
    "import-model",
    1,
    ImportModelConfig,
    "model",
    run_import_model,
    external_files=import_model_files,
    summary=("parameters",),
)
EXPORT = Step("export", 1, ExportConfig, "export", run_export, summary=("weights_bytes",))
