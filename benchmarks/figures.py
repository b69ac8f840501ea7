"""The table of figures in README.md, made from benchmarks/results/*.json so that no figure there is typed by hand.

python -m benchmarks.figures            print it
python -m benchmarks.figures --write    put it into README.md, between the two markers
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS, ROOT

README = ROOT / "README.md"
BEGIN = "<!-- figures: begin (make bench) -->"
END = "<!-- figures: end -->"
NOTHING_YET = "No results yet: `make bench` measures them and fills this table."

QUARTILES_FROM = 4
"""Runs; of fewer, quartiles are made up between and beyond them."""
SHORT = ".3g"

Row = tuple[str, str | None]  # what, how much; None: not measured


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        README.write_text(with_figures(README.read_text(), render(RESULTS)))
    else:
        print(render(RESULTS))


def with_figures(text: str, table: str) -> str:
    """`text` with the part between the markers replaced by `table`."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def render(results: Path) -> str:
    """A Markdown table over the result files that exist; an older one may lack a figure, and its row is left out."""
    lines = []
    for name, rows_of in ROWS.items():
        path = results / f"{name}.json"
        if path.exists():
            record = json.loads(path.read_bytes())
            rows = rows_of(Figures(record["figures"]))
            lines += [
                f"| {what} | {value} | {setting(record)} |" for what, value in rows if value is not None
            ]
    if not lines:
        return NOTHING_YET
    return "\n".join(["| what | measured | by |", "|---|---|---|", *lines])


class Figures(dict[str, Any]):
    """Figures of a result, one level of them; `at` leads further down."""

    def at(self, *names: str) -> Any:
        """The figure under `names`; None where one of them is not there."""
        found: Any = self
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def said(self, form: Callable[[Any], str], *names: str) -> str | None:
        """The figure under `names` as `form` writes it; None where there is none."""
        found = self.at(*names)
        return None if found is None else form(found)


def setting(record: dict[str, Any]) -> str:
    """Where and when it was measured, and the command."""
    hardware = record["hardware"]
    place = f"{hardware['processor']}, {hardware['cores']} cores, {record['date'][:10]}"
    disturbed = "; other programs were running" if record.get("disturbed") else ""
    return f"`{record['command']}` ({place}{disturbed})"


def pretraining(figures: Figures) -> list[Row]:
    rows = []
    for name in ("ontogeny", "plain_gpt", "transformers_llama"):
        rate = figures[name]["tokens_per_second"]
        share = figures[name]["share_of_sgemm"]["median"]
        rows.append(
            (f"pretraining on CPU, {TITLES[name]}", f"{spread(rate, ',.0f')} tokens/s, {share:.0%} of sgemm")
        )
    for name in ("plain_gpt", "transformers_llama"):
        rows.append((f"our speed relative to {TITLES[name]}", interval(figures[f"speed relative to {name}"])))
    return rows


def start_up(figures: Figures) -> list[Row]:
    seconds = spread(figures["ontogeny --help, seconds"], ".2f")
    ratio = interval(figures["ratio"])
    return [("`ontogeny --help`", f"{seconds} s"), ("the same, relative to `import typer`", ratio)]


def demo(figures: Figures) -> list[Row]:
    overhead = figures["overhead of manifests and ledger, share"]
    return [
        ("the demo, from nothing", f"{figures['seconds'] / 60:.1f} min"),
        ("the demo, peak memory", f"{figures['peak_bytes'] / 1e9:.2f} GB"),
        ("the demo again, every step reused", f"{figures['second run, seconds']:.1f} s"),
        ("manifests and ledger in the demo", f"{overhead:.2%} of its steps' time"),
    ]


def overhead(figures: Figures) -> list[Row]:
    share = spread(figures["share of all steps"], ".1%")
    return [("manifests and ledger in the smoke recipe", f"{share} of its steps' time")]


def kills(figures: Figures) -> list[Row]:
    same, lives = figures["lives with the same weights"], figures["lives"]
    return [
        (f"{figures['kills']} kills at random moments", f"{same} of {lives} runs ended with the same weights")
    ]


def rules(figures: Figures) -> list[Row]:
    agreement = [each["agree"] for each in (figures.at("agreement") or {}).values() if "agree" in each]
    ours, theirs = figures.at("ours: peak MB"), figures.at("datatrove: peak MB")
    return [
        (
            "the four published rule sets",
            figures.said(lambda each: f"{spread(each, '.1f')} MB a CPU second", "ours: MB for a CPU second"),
        ),
        (
            "the same, times fewer CPU seconds than datatrove",
            figures.said(lambda each: f"{each:.0f}", "times fewer CPU seconds for a MB"),
        ),
        (
            "the same, peak memory, ours and datatrove's",
            f"{ours:.0f} and {theirs:.0f} MB" if ours and theirs else None,
        ),
        (
            "the same decision as datatrove, at least",
            f"{min(agreement):.2%} of documents for every rule" if agreement else None,
        ),
    ]


def end_to_end(figures: Figures) -> list[Row]:
    rows: list[Row] = []
    for what in (
        "JSON lines to shards (goal 30)",
        "WARC to shards (goal 5)",
        "another threshold (goal 500)",
        "another threshold of the larger input (goal 500)",
    ):
        named = f"{what.partition(' (')[0]}, times fewer CPU seconds than datatrove"
        rows.append((named, figures.said(lambda each: spread(each, SHORT), f"times fewer, {what}")))
    for kind in ("resident", "proportional"):
        peak = figures.at(f"peak bytes, {kind}") or {}
        for workers in ("1 worker", "2 workers"):
            ours, theirs = peak.get(f"ours slice, {workers}"), peak.get("peer jsonl")
            said = f"{ours / 1e6:,.0f} and {theirs / 1e6:,.0f} MB" if ours and theirs else None
            rows.append((f"the same, peak memory ({kind}), ours with {workers} and datatrove's", said))
    return rows


def dedup(figures: Figures) -> list[Row]:
    return [
        (
            f"near copies, {TITLES.get(name, name)}",
            f"precision {figures[name]['precision']:.4f}, recall {figures[name]['recall']:.4f}",
        )
        for name in ("ontogeny", "datasketch", "rensa")
        if name in figures
    ]


def dedup_speed(figures: Figures) -> list[Row]:
    rows: list[Row] = [
        (
            "MinHash signatures, shingling included",
            figures.said(
                lambda each: f"{spread(each, SHORT)} MB a CPU second", "ontogeny", "signatures MB/CPU s"
            ),
        )
    ]
    for what, name in (
        ("MinHash signatures", "signatures"),
        ("LSH, clusters and removal, words compared as no other does", "copies, ours with words compared"),
        ("LSH, clusters and removal by bands alone", "copies, ours by bands alone"),
    ):
        for peer in ("datatrove", "rensa", "datasketch"):
            ratio = figures.said(lambda each: f"{each:{SHORT}}", f"ours faster than {peer} by", name)
            rows.append((f"{what}, times fewer CPU seconds than {peer}", ratio))
    return rows


def encoding(figures: Figures) -> list[Row]:
    def rate(each: dict[str, Any]) -> str:
        return f"{spread(each, SHORT)} MB a CPU second"

    return [
        ("BPE encoding", figures.said(rate, "ontogeny", "MB_per_cpu_second")),
        *against(figures, "BPE encoding", ("tokenizers", "tiktoken", "rustbpe")),
        *peaks(figures, "BPE encoding", ("tokenizers", "tiktoken", "rustbpe")),
    ]


def training(figures: Figures) -> list[Row]:
    def seconds(each: dict[str, Any]) -> str:
        return f"{spread(each, '.1f')} CPU seconds"

    return [
        ("BPE training, 16,384 entries of 32 MB", figures.said(seconds, "ontogeny", "cpu_seconds")),
        *against(figures, "BPE training", ("rustbpe", "tokenizers")),
        *peaks(figures, "BPE training", ("rustbpe", "tokenizers")),
    ]


def against(figures: Figures, what: str, peers: tuple[str, ...]) -> list[Row]:
    """How many times fewer processor seconds and seconds on the clock ours takes than each of `peers`."""
    return [
        (
            f"{what}, times fewer {says} than {peer}",
            figures.said(ratio_of_few, f"{unit} of {peer} to ours"),
        )
        for peer in peers
        for unit, says in (("cpu_seconds", "CPU seconds"), ("seconds", "seconds"))
    ]


def peaks(figures: Figures, what: str, peers: tuple[str, ...]) -> list[Row]:
    """Peak memory of ours and of `peers`, in one row."""
    known = {name: figures.at(name, "peak_bytes") for name in ("ontogeny", *peers)}
    if known["ontogeny"] is None:
        return []
    said = ", ".join(f"{TITLES.get(name, name)} {size / 1e6:,.0f} MB" for name, size in known.items() if size)
    return [(f"{what}, peak memory", said)]


def decontamination(figures: Figures) -> list[Row]:
    found = figures["ontogeny"]
    return [("planted evaluation items", f"precision {found['precision']:.3f}, recall {found['recall']:.3f}")]


TITLES = {
    "ontogeny": "Ontogeny",
    "plain_gpt": "a plain PyTorch GPT loop",
    "transformers_llama": "transformers' Llama",
}
ROWS: dict[str, Callable[[Figures], list[Row]]] = {
    "demo": demo,
    "pretrain_throughput": pretraining,
    "cli_startup": start_up,
    "overhead": overhead,
    "lifecycle_kills": kills,
    "rules_datatrove": rules,
    "curate_end_to_end": end_to_end,
    "dedup_quality": dedup,
    "dedup_speed": dedup_speed,
    "tokenizer_encode": encoding,
    "tokenizer_train": training,
    "decontamination": decontamination,
}


def spread(values: dict[str, Any], form: str) -> str:
    """Median and the middle half; the extremes of fewer than `QUARTILES_FROM` runs, of which there is no half."""
    few = values["n"] < QUARTILES_FROM
    low, high = (values["min"], values["max"]) if few else values["quartiles"]
    said = "all from " if few else ""
    return f"{values['median']:{form}} ({said}{low:{form}} to {high:{form}}; n = {values['n']})"


def interval(values: dict[str, Any]) -> str:
    """Median ratio and its 95% interval."""
    low, high = values["ci95"]
    return f"{values['median']:.2f} times (95%: {low:.2f} to {high:.2f}; n = {values['n']})"


def ratio_of_few(values: dict[str, Any]) -> str:
    """Median ratio, and its interval where there are runs enough: resampling fewer gives their extremes back."""
    if values["n"] < QUARTILES_FROM:
        return f"{values['median']:{SHORT}} (n = {values['n']})"
    low, high = values["ci95"]
    return f"{values['median']:{SHORT}} (95%: {low:{SHORT}} to {high:{SHORT}}; n = {values['n']})"


if __name__ == "__main__":
    main()
