"""What an import tells of a model that can be read, and that will disappoint whoever uses it."""

from __future__ import annotations

from torch import Tensor, nn

from ontogeny.core.errors import ModelFormatError, OntogenyError
from ontogeny.tokenizer.chat import encode_prompt
from ontogeny.tokenizer.codec import Tokenizer

NAMES_SHOWN = 3


def remarks(model: nn.Module, tokenizer: Tokenizer) -> list[str]:
    """A line for whatever is wrong with the weights or the chat template."""
    lines = []
    if names := sorted(name for name, weight in model.named_parameters() if not _is_finite(weight)):
        shown = ", ".join(names[:NAMES_SHOWN])
        more = f" and {len(names) - NAMES_SHOWN} more tensors" if len(names) > NAMES_SHOWN else ""
        lines.append(
            f"NaN or infinity stands in {shown}{more}: what the model computes with it means nothing"
        )
    if (reason := _fault_of_template(tokenizer)) is not None:
        lines.append(f"{reason}; without --chat the model can be used")
    return lines


def _is_finite(weight: Tensor) -> bool:
    """Looks at each number only where their sum is not finite: NaN and infinity stay in a sum."""
    return bool(weight.sum().isfinite()) or bool(weight.isfinite().all())


def _fault_of_template(tokenizer: Tokenizer) -> str | None:
    if tokenizer.chat_template is None:
        return None
    try:
        encode_prompt(tokenizer, [{"role": "user", "content": "question"}])
    except ModelFormatError as error:
        return error.message
    except OntogenyError:
        return None  # it wants another conversation than this one, and says so
    return None
