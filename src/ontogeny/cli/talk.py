"""`ontogeny generate`, `chat` and `serve`: talk to a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ontogeny.cli.models import ModelArgument
from ontogeny.cli.options import DeviceOption, JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from ontogeny.inference.sampling import SamplingOptions

TokensOption = Annotated[
    int, typer.Option("--max-new-tokens", min=1, metavar="N", help="At most N new tokens.")
]
TemperatureOption = Annotated[
    float, typer.Option(min=0.0, metavar="T", help="0 always takes the likeliest token.")
]
TopPOption = Annotated[
    float, typer.Option("--top-p", min=0.0, max=1.0, metavar="P", help="Nucleus sampling.")
]
TopKOption = Annotated[int | None, typer.Option("--top-k", min=1, metavar="K", help="Among the K likeliest.")]
SeedOption = Annotated[int, typer.Option(min=0, metavar="S", help="The same seed gives the same text.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command(epilog='Example: ontogeny generate python-tutor/tutor "What does shlex.split do?" --chat')(
        generate
    )
    app.command(epilog="Example: ontogeny chat python-tutor/tutor")(chat)
    app.command(epilog="Example: ontogeny serve python-tutor/tutor --port 8000")(serve)


def generate(
    model: ModelArgument,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What comes before the new text.")],
    as_chat: Annotated[bool, typer.Option("--chat", help="PROMPT is a user's message.")] = False,
    max_new_tokens: TokensOption = 128,
    temperature: TemperatureOption = 0.0,
    top_p: TopPOption = 1.0,
    top_k: TopKOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Continue a text, or answer a message."""
    from ontogeny.cli.show import print_json
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.progress import terminal_progress
    from ontogeny.inference.loading import load_model
    from ontogeny.recipe.models import locate_model

    located = locate_model(model, open_workspace(workspace), terminal_progress())
    loaded = load_model(located.folder, resolve_device(device))
    options = _sampling(max_new_tokens, temperature, top_p, top_k, seed)
    if as_json:
        completion = loaded.generate(prompt, chat=as_chat, options=options)
        print_json(vars(completion))
        wrote = bool(completion.tokens)
    else:
        wrote = False
        for chunk in loaded.stream(prompt, chat=as_chat, options=options):
            wrote = wrote or chunk.token_id is not None
            typer.echo(chunk.text, nl=False)
        typer.echo()
    if not wrote and not as_chat and loaded.tokenizer.chat_template is not None:
        typer.echo("the model ended the text at once; it was made for conversations: try --chat", err=True)


def chat(
    model: ModelArgument,
    max_new_tokens: TokensOption = 256,
    temperature: TemperatureOption = 0.7,
    top_p: TopPOption = 0.95,
    top_k: TopKOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
) -> None:
    """Hold a conversation in the terminal."""
    from ontogeny.cli.chat_loop import chat as converse
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.progress import terminal_progress
    from ontogeny.inference.loading import load_model
    from ontogeny.recipe.models import locate_model

    place = open_workspace(workspace)
    located = locate_model(model, place, terminal_progress())
    loaded = load_model(located.folder, resolve_device(device))
    options = _sampling(max_new_tokens, temperature, top_p, top_k, seed)
    converse(loaded, name=located.name, options=options, history=place.root / "cache" / "chat-history")


def serve(
    model: ModelArgument,
    backend: Annotated[str, typer.Option(metavar="auto|native", help="What computes.")] = "auto",
    host: Annotated[str, typer.Option(metavar="H", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="P", help="Port; 0 takes a free one.")
    ] = 8000,
    api_keys: Annotated[
        Path | None,
        typer.Option("--api-keys", metavar="FILE", help="Digests of keys; needed beyond this machine."),
    ] = None,
    new_key: Annotated[
        str | None,
        typer.Option("--new-key", metavar="NAME", help="Add a key to the file, print it once, and leave."),
    ] = None,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
) -> None:
    """Serve the OpenAI-compatible HTTP API, and a chat page at /."""
    from ontogeny.core.errors import UsageError
    from ontogeny.core.hardware import resolve_device
    from ontogeny.core.progress import terminal_progress
    from ontogeny.finetune.classifier import load_with_labels
    from ontogeny.recipe.models import locate_model
    from ontogeny.serve.auth import add_key
    from ontogeny.serve.run import serve as run_server

    if new_key is not None:
        if api_keys is None:
            raise UsageError("--new-key needs the file to add it to", hint="--api-keys FILE --new-key NAME")
        typer.echo(add_key(api_keys, new_key))
        return
    if backend not in ("auto", "native"):
        raise UsageError(f"backend {backend!r} is not available", hint="this version has --backend native")
    located = locate_model(model, open_workspace(workspace), terminal_progress())
    loaded, labels = load_with_labels(located.folder, resolve_device(device))
    run_server(
        loaded,
        name=located.name,
        fingerprint=located.digest,
        other_names=[model],
        host=host,
        port=port,
        api_keys=api_keys,
        classify=labels,
        announce=lambda url: typer.echo(f"serving {located.name} at {url} (Ctrl-C ends it)", err=True),
    )


def _sampling(
    max_new_tokens: int, temperature: float, top_p: float, top_k: int | None, seed: int
) -> SamplingOptions:
    from ontogeny.inference.sampling import SamplingOptions

    return SamplingOptions(
        max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed
    )
