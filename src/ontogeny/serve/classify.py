"""`POST /v1/classify`: `{"model", "input": TEXT | [TEXT...]}` to `{"model", "results": [...]}`, one for each text.

A result is as `ontogeny classify --json` gives it. Requests are computed one after another, beside the answers that the
model writes: classifying reads weights and keeps nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from ontogeny.serve.refusal import Refusal
from ontogeny.serve.schema import ClassifyRequest

Classify: TypeAlias = Callable[[Sequence[str]], list[dict[str, Any]]]
"""Texts to results."""

MAX_TEXTS = 1024
"""Of one request: seconds to minutes of work on a CPU. For more, there is `ontogeny classify --input FILE`."""


def add_route(app: FastAPI, classify: Classify | None, *, name: str, require: Callable[[str], None]) -> None:
    """Serve the route; without `classify` it says that this model tells no labels.

    Args:
        name: what the model is called.
        require: refuses the name of another model.
    """
    turn = threading.Lock()

    @app.post("/v1/classify")
    async def classified(body: ClassifyRequest) -> dict[str, Any]:
        require(body.model)
        if classify is None:
            message = f"{name} tells no labels; serve what a `finetune` step with `task: classify` made."
            raise Refusal(400, message, param="model", code="not_a_classifier")
        if len(body.input) > MAX_TEXTS:
            message = (
                f"{len(body.input)} texts in one request; the most is {MAX_TEXTS}. Send several requests."
            )
            raise Refusal(400, message, param="input", code="too_many_texts")

        def work() -> list[dict[str, Any]]:
            with turn:
                return classify(body.input)

        return {"model": name, "results": await run_in_threadpool(work)}
