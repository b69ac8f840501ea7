"""`ontogeny estimate`: FLOPs, memory, time and cost of a run that has not begun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from ontogeny.cli.options import JsonOption, WorkspaceOption, open_workspace
from ontogeny.cli.run import SetOption

if TYPE_CHECKING:
    from ontogeny.estimate.figures import Estimate

RecipeArgument = Annotated[
    Path | None, typer.Argument(metavar="RECIPE.yaml", help="A recipe; without it, --size or --model.")
]
StepOption = Annotated[str | None, typer.Option(metavar="NAME", help="Which step of the recipe.")]
SizeOption = Annotated[
    str | None, typer.Option(metavar="SIZE", help="7b, 350m, qwen3-0.6b, llama-3.1-8b, gpt2-124m ...")
]
ModelOption = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="A model here, a ./FOLDER, a ./config.json or a .gguf file."),
]
LoraOption = Annotated[
    int | None, typer.Option(min=1, metavar="RANK", help="Fine-tune adapters of this rank; else all weights.")
]
GpusOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="How many GPUs; by default one.")]
GpuOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="a100, h100, h200, b200, l40s, rtx4090; else this machine's."),
]
NodesOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Machines, instead of --gpus: as many GPUs as each has."),
]
NetworkOption = Annotated[
    float | None, typer.Option(min=1, metavar="GBPS", help="Gbit/s between machines, for each GPU.")
]
TokensOption = Annotated[
    float | None, typer.Option(min=1, metavar="N", help="Tokens to train on, e.g. 2e12.")
]
SeqLenOption = Annotated[int | None, typer.Option(min=2, metavar="N", help="Tokens of a row.")]
MicroBatchOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Rows at once; by default as many as fit.")
]
BatchTokensOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Tokens of one update.")]
TensorParallelOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="GPUs that share every layer.")
]
RecomputeOption = Annotated[
    bool | None,
    typer.Option("--recompute/--no-recompute", help="Compute activations again; by default what is faster."),
]
OptimizerOption = Annotated[str | None, typer.Option(metavar="adamw|muon", help="Which optimizer.")]
VocabOption = Annotated[
    int, typer.Option(min=256, metavar="N", help="Vocabulary of a shape that is computed.")
]
PriceOption = Annotated[
    float | None, typer.Option(min=0, metavar="PRICE", help="Of one GPU, or this machine, for an hour.")
]
EnergyOption = Annotated[float | None, typer.Option(min=0, metavar="PRICE", help="Of a kWh.")]
VOCABULARY = 32_768


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    verbs = typer.Typer(no_args_is_help=True, help="Say what a run will need: FLOPs, memory, time, cost.")
    verbs.command(
        "pretrain",
        help="Estimate a pretraining run, of a recipe or of any size.",
        epilog="Example: ontogeny estimate pretrain --size 7b --gpus 64 --gpu h100 --tokens 2e12",
    )(train)
    verbs.command(
        "finetune",
        help="Estimate fine-tuning, of all weights or of adapters.",
        epilog="Example: ontogeny estimate finetune --size 8b --lora 16 --gpu rtx4090",
    )(train)
    verbs.command(epilog="Example: ontogeny estimate serve --size 8b --type q4_k_m --gpu l40s --batch 16")(
        serve
    )
    app.add_typer(verbs, name="estimate")


def train(
    context: typer.Context,
    recipe: RecipeArgument = None,
    overrides: SetOption = None,
    step: StepOption = None,
    size: SizeOption = None,
    model: ModelOption = None,
    lora: LoraOption = None,
    gpus: GpusOption = None,
    gpu: GpuOption = None,
    nodes: NodesOption = None,
    network_gbps: NetworkOption = None,
    tokens: TokensOption = None,
    seq_len: SeqLenOption = None,
    micro_batch: MicroBatchOption = None,
    batch_tokens: BatchTokensOption = None,
    tensor_parallel: TensorParallelOption = None,
    recompute: RecomputeOption = None,
    optimizer: OptimizerOption = None,
    vocab_size: VocabOption = VOCABULARY,
    price_per_hour: PriceOption = None,
    price_per_kwh: EnergyOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Both verbs of training, which the name of the command tells apart."""
    from ontogeny.recipe.questions import TrainingQuestion, answer_training

    kind = cast(Literal["pretrain", "finetune"], context.info_name)
    question = TrainingQuestion(
        kind, recipe, overrides or (), step, size, model, gpus, gpu, nodes, network_gbps, tokens, seq_len, micro_batch,
        batch_tokens, tensor_parallel, recompute, optimizer, lora, vocab_size, price_per_hour, price_per_kwh,
    )  # fmt: skip
    _show(answer_training(question, open_workspace(workspace)), as_json=as_json)


def serve(
    size: SizeOption = None,
    model: ModelOption = None,
    weight_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="f32, f16, bf16, q8_0, q4_0 or q4_k_m.")
    ] = "f16",
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Rows that are answered at once.")] = 1,
    context: Annotated[int, typer.Option(min=1, metavar="N", help="Most tokens of a row.")] = 4096,
    prompt: Annotated[int, typer.Option(min=1, metavar="N", help="Tokens of a prompt.")] = 512,
    gpus: GpusOption = None,
    gpu: GpuOption = None,
    vocab_size: VocabOption = VOCABULARY,
    price_per_hour: PriceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate serving a model: memory, and tokens a second."""
    from ontogeny.recipe.questions import ServingQuestion, answer_serving

    question = ServingQuestion(
        size, model, weight_type, batch, context, prompt, gpus, gpu, vocab_size, price_per_hour
    )
    _show(answer_serving(question, open_workspace(workspace)), as_json=as_json)


LABELS = {
    "flops_per_token": "FLOPs a token",
    "flops": "FLOPs",
    "flops_utilisation": "utilisation (MFU)",
    "step_seconds": "time of a step",
    "seconds": "time",
    "device_hours": "devices x time",
    "peak_bytes": "memory at the peak",
    "peak_bytes_of_all": "memory, all GPUs",
    "available_bytes": "memory there is",
    "energy_kwh": "energy",
    "model_bytes": "model on disk",
    "checkpoint_bytes": "checkpoint",
    "cache_bytes_per_token": "cache of a token",
    "first_token_seconds": "first token after",
    "decode_tokens_per_second": "decoding",
    "row_tokens_per_second": "for one reader",
    "prefill_tokens_per_second": "reading prompts",
    "tokens_per_second": "speed",
    "cost_per_million_tokens": "a million tokens",
}
STRESSED = ("peak_bytes", "flops_utilisation", "seconds", "cost", "decode_tokens_per_second")


def _show(estimate: Estimate, *, as_json: bool) -> None:
    from rich.markup import escape

    from ontogeny.cli.show import output_console, print_json, print_table

    if as_json:
        print_json(estimate.to_dict())
        return
    console = output_console()
    console.print(f"[bold]{escape(estimate.kind)} {escape(estimate.model)}[/bold]", soft_wrap=True)
    for line in _setup_lines(estimate):
        console.print(f"[dim]{escape(line)}[/dim]", soft_wrap=True)
    rows = []
    for name, figure in estimate.figures.items():
        if name == "device_hours" and estimate.setup["gpus"] == 1:
            continue  # the time above it
        label = LABELS.get(name, name.removesuffix("_bytes").replace("_", " "))
        value = escape(_value(figure.value, figure.unit))
        stressed = f"[bold]{value}[/bold]" if name in STRESSED else value
        rows.append([label, stressed, escape(figure.formula), f"[dim]{escape(figure.source)}[/dim]"])
    print_table(["figure", "value", "formula", "source"], rows, right=["value"])
    mark = "[green]✔ fits[/green]" if estimate.fits else "[red]✘ does not fit[/red]; what would help:"
    console.print(mark)
    for line in estimate.advice:
        console.print(f"  [cyan]→[/cyan] {escape(line)}", soft_wrap=True)
    console.print(f"[dim]{escape(estimate.calibration)}[/dim]", soft_wrap=True)


def _setup_lines(estimate: Estimate) -> list[str]:
    """What was estimated, in words; of a run in phases a line for each."""
    setup = estimate.setup
    gpus, device = setup["gpus"], setup["device"]
    where = "on this machine's processor" if device == "cpu" else f"on {gpus if gpus > 1 else 'one'} {device}"
    if device == "cpu" and gpus > 1:
        where += f", in {gpus} processes"
    if estimate.kind == "serve":
        rows = f"{_rows(setup['batch'])} of up to {setup['context']:,} tokens, prompts of {setup['prompt']:,}"
        return [f"{where}, {setup['weight_type']}, {rows}"]
    said = [where]
    if "phases" not in setup:
        at_once = f"{_rows(setup['micro_batch'])} of {setup['seq_len']:,} at once"
        said.append(f"{setup['batch_tokens']:,} tokens a step, {at_once}")
    said.append(f"{setup['precision']}, {setup['optimizer']}")
    if setup["tensor_parallel"] > 1:
        said.append(f"{setup['tensor_parallel']} GPUs share every layer")
    if setup["recompute"]:
        said.append("activations computed again")
    if setup["lora_rank"] is not None:
        kept = "" if setup["base"] == "float32" else f" over a base in {setup['base']}"
        said.append(f"adapters of rank {setup['lora_rank']}{kept}")
    phases = [
        f"phase {number}: {phase['steps']:,} steps of {_rows(phase['batch_rows'])} of {phase['seq_len']:,} tokens"
        for number, phase in enumerate(setup.get("phases", ()), start=1)
    ]
    if phases:
        phases.append("memory is that of the phase that needs most; a step and its speed are the mean of all")
    return [", ".join(said), *phases]


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count > 1 else ''}"


SCALES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def _value(value: float, unit: str) -> str:
    """As people write it: `6.7 G`, `71.9 GB`, `3.2 days`, `41.2%`."""
    from ontogeny.cli.show import size

    match unit:
        case "B":
            return size(value)
        case "s":
            return _time(value)
        case "%":
            return f"{value:.1f}%"
        case "FLOP" | "tokens" | "":
            scale, letter = next(((s, name) for s, name in SCALES if value >= s), (1.0, ""))
            many = f"{value:.2e}" if value >= 1e18 else f"{value / scale:,.2f} {letter}".rstrip()
            return f"{many} {unit}".rstrip()
        case "price":
            return _plain(value)
        case "rows":
            return f"{value:,.0f} rows"
        case _:
            return f"{value:,.0f} {unit}" if value >= 100 else f"{_plain(value)} {unit}"


def _time(seconds: float) -> str:
    """`85 µs`, `12.3 ms`, `1.2 s`, `3.5 min`, `3.2 days`."""
    from ontogeny.cli.show import duration

    if seconds >= 2 * 86400:
        return f"{seconds / 86400:,.1f} days"
    if seconds >= 0.9995:
        return duration(seconds)
    return f"{1e3 * seconds:.3g} ms" if seconds >= 0.9995e-3 else f"{1e6 * seconds:.3g} µs"


def _plain(value: float) -> str:
    """Two digits after the point, or two that say something."""
    return f"{value:,.2f}" if value >= 0.01 or value == 0 else f"{value:.2g}"
