"""`hf:ORG/NAME[@REVISION]`: a model of the Hugging Face Hub, through its own client and in its own cache.

Only configuration, tokenizer, template, licence and safetensors are fetched: pickled weights and code never are. Where
the Hub cannot be reached, what its cache holds is taken.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from ontogeny.core.errors import ModelFormatError, UsageError
from ontogeny.core.files import disk_errors
from ontogeny.core.progress import Progress
from ontogeny.model.formats.companions import (
    COMPANIONS,
    CONFIG_FILE,
    INDEX_FILE,
    PICKLED_SUFFIXES,
    WEIGHTS_FILE,
    is_gguf,
)
from ontogeny.model.outside.fetched import REPOSITORY, Fetched

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
TEXT = re.compile(rf"(?P<repository>{NAME}/{NAME})(?:@(?P<revision>[A-Za-z0-9][A-Za-z0-9._/-]{{0,199}}))?")
FETCHED = [*COMPANIONS, INDEX_FILE, WEIGHTS_FILE, "model-*.safetensors"]
IN_FOLDERS = ["*/*"]  # variants for other programs; never fetched
COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch_repository(text: str, progress: Progress) -> Fetched:
    """The model of `hf:ORG/NAME[@REVISION]`; without a revision the newest.

    Raises:
        UsageError: not such a name, no such repository, no leave to read it, or no network and nothing in the cache.
        ModelFormatError: the repository has no safetensors.
    """
    match = TEXT.fullmatch(text.removeprefix(REPOSITORY))
    if match is None:
        raise UsageError(
            f"{text!r} does not name a repository of the Hub",
            hint="for example hf:HuggingFaceTB/SmolLM2-135M",
        )
    repository, revision = match["repository"], match["revision"]
    progress.note(f"looking for {repository} on the Hugging Face Hub")
    with disk_errors("keeping a model of the Hub"):
        folder = _snapshot(repository, revision, text)
    commit = folder.name if COMMIT.fullmatch(folder.name) else None
    if not (folder / WEIGHTS_FILE).is_file() and not (folder / INDEX_FILE).is_file():
        _refuse_without_safetensors(repository, commit, text)
    if not (folder / CONFIG_FILE).is_file():
        raise ModelFormatError(f"it has no {CONFIG_FILE}", where=text, hint="name the repository of a model")
    origin = {"repository": repository, "revision": revision or "main", "commit": commit}
    return Fetched(folder, repository.partition("/")[2], origin)


def _snapshot(repository: str, revision: str | None, text: str) -> Path:
    """The folder of the Hub's cache with the files of the newest commit of `revision`."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError as error:
        raise UsageError(
            "models of the Hugging Face Hub need the package huggingface_hub",
            where=text,
            hint="python -m pip install 'ontogeny[hub]'",
        ) from error
    try:
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=FETCHED, ignore_patterns=IN_FOLDERS
            )
        )
    except GatedRepoError as error:
        reason, hint = "its owner gives it to named people only", "ask on its page, then: hf auth login"
        raise UsageError(reason, where=text, hint=hint) from error
    except RevisionNotFoundError as error:
        hint = "name a branch, a tag or a commit that exists"
        raise UsageError(f"it has no revision {revision!r}", where=text, hint=hint) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        hint = "look at the name; a private one needs: hf auth login"
        raise UsageError("there is no such repository, or not for you", where=text, hint=hint) from error
    except LocalEntryNotFoundError as error:
        command = f"hf download {repository}" + (f" --revision {revision}" if revision else "")
        raise UsageError(
            "the Hub cannot be reached, and its cache does not hold the whole model",
            where=text,
            hint=f"where there is a network: {command}",
        ) from error
    except (HfHubHTTPError, ConnectionError, TimeoutError) as error:
        raise _refused(error, text) from error
    except OSError:
        raise  # the disk's
    except Exception as error:  # of whichever HTTP library this version of the client is built on
        raise _refused(error, text) from error


def _refused(error: Exception, text: str) -> UsageError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UsageError(
        f"the Hub could not be read: {first}", where=text, hint="run the same command again later"
    )


def _refuse_without_safetensors(repository: str, commit: str | None, text: str) -> NoReturn:
    from huggingface_hub import HfApi

    try:
        names = HfApi().list_repo_files(repository, revision=commit)
    except Exception:  # noqa: BLE001 - without a network, in whichever way; then it is not known what it has instead
        names = []
    pickled = sorted(name for name in names if name.endswith(PICKLED_SUFFIXES))
    packed = sorted(name for name in names if is_gguf(Path(name)))
    if pickled:
        raise ModelFormatError(
            f"{pickled[0]} holds pickled weights, which can run code when they are loaded; they are never fetched",
            where=text,
            hint="name a repository or a revision with safetensors; many have one that the Hub converted",
        )
    if packed:
        raise ModelFormatError(
            f"it has no safetensors, but {packed[0]}",
            where=text,
            hint=f"fetch one file and name it: hf download {repository} {packed[0]} --local-dir .",
        )
    raise ModelFormatError("it has no safetensors", where=text, hint="name the repository of a model")
