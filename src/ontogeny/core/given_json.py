"""JSON files that somebody else wrote, beside the weights of a model: any bytes may stand in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ontogeny.core.errors import ModelFormatError

FETCH_AGAIN = "the file is damaged: fetch it again"


def read_given_object(path: Path, *, hint: str = FETCH_AGAIN) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        ModelFormatError: the file cannot be read, or is not JSON, or holds no object; names the file and the line.
    """
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelFormatError(
            f"cannot be read ({error.strerror})", where=str(path), hint="look at the file and its permissions"
        ) from error
    except ValueError as error:
        raise ModelFormatError(f"not JSON: {error}", where=str(path), hint=hint) from error
    except RecursionError as error:
        raise ModelFormatError(
            "not JSON that can be read: it is nested too deeply", where=str(path), hint=hint
        ) from error
    if not isinstance(values, dict):
        raise ModelFormatError("not a JSON object", where=str(path), hint=hint)
    return values
