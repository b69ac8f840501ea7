"""The description of an outside model, as far as it can be read without fetching or unpacking anything.

Of a folder its config.json, of a GGUF file its header, of a package an installed copy, of a repository the Hub's cache.
"""

from __future__ import annotations

from pathlib import Path

from ontogeny.core.errors import ArtifactError, OntogenyError
from ontogeny.core.given_json import read_given_object
from ontogeny.model.config import ModelConfig
from ontogeny.model.formats.companions import CONFIG_FILE, is_gguf
from ontogeny.model.formats.huggingface_config import config_from_json
from ontogeny.model.outside.fetched import PACKAGE, REPOSITORY, is_fetched


def config_at_hand(text: str) -> ModelConfig | None:
    """The model that `text` means, as the `path` of `import-model` does; None where it is not here, or not read."""
    try:
        for file in _described_in(text):
            if file.is_file():
                return config_in_file(file)
    except OntogenyError:
        return None
    return None


def config_in_file(file: Path) -> ModelConfig:
    """The model that a `config.json` or the header of a GGUF file describes.

    Raises:
        ArtifactError: there is no such file.
        ModelFormatError: it describes no model that is read; says what.
    """
    if is_gguf(file):
        from ontogeny.model.formats.gguf_parts import GgufModel
        from ontogeny.model.formats.gguf_settings import config_values

        return config_from_json(config_values(GgufModel(file)), str(file))
    if not file.is_file():
        raise ArtifactError("there is no such file", where=str(file), hint="name a model's config.json")
    return config_from_json(read_given_object(file, hint="name a model's config.json"), str(file))


def _described_in(text: str) -> list[Path]:
    """The files that may describe the model, whether they exist or not."""
    if text.startswith(PACKAGE):
        from ontogeny.model.outside.package import installed_files

        return [path for path in installed_files(text) if path.name == CONFIG_FILE or is_gguf(path)]
    if is_fetched(text):
        return _cached_of_the_hub(text)
    path = Path(text).expanduser()
    return [path if is_gguf(path) else path / CONFIG_FILE]


def _cached_of_the_hub(text: str) -> list[Path]:
    """The config.json of `hf:ORG/NAME[@REVISION]` in the cache of the Hub's client, where that has it."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return []
    repository, _, revision = text.removeprefix(REPOSITORY).partition("@")
    try:
        found = try_to_load_from_cache(repository, CONFIG_FILE, revision=revision or None)
    except ValueError:  # not the name of a repository
        return []
    return [Path(found)] if isinstance(found, str) else []
