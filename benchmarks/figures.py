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

Row = tuple[str, str]  # what, how much


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
    """A Markdown table over the result files that exist."""
    lines = []
    for name, rows_of in ROWS.items():
        path = results / f"{name}.json"
        if path.exists():
            record = json.loads(path.read_bytes())
            lines += [
                f"| {what} | {value} | {setting(record)} |" for what, value in rows_of(record["figures"])
            ]
    if not lines:
        return NOTHING_YET
    return "\n".join(["| what | measured | by |", "|---|---|---|", *lines])


def setting(record: dict[str, Any]) -> str:
    """Where and when it was measured, and the command."""
    hardware = record["hardware"]
    place = f"{hardware['processor']}, {hardware['cores']} cores, {record['date'][:10]}"
    disturbed = "; other programs were running" if record.get("disturbed") else ""
    return f"`{record['command']}` ({place}{disturbed})"


def pretraining(figures: dict[str, Any]) -> list[Row]:
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


def start_up(figures: dict[str, Any]) -> list[Row]:
    seconds = spread(figures["ontogeny --help, seconds"], ".2f")
    ratio = interval(figures["ratio"])
    return [("`ontogeny --help`", f"{seconds} s"), ("the same, relative to `import typer`", ratio)]


def demo(figures: dict[str, Any]) -> list[Row]:
    overhead = figures["overhead of manifests and ledger, share"]
    return [
        ("the demo, from nothing", f"{figures['seconds'] / 60:.1f} min"),
        ("the demo, peak memory", f"{figures['peak_bytes'] / 1e9:.2f} GB"),
        ("the demo again, every step reused", f"{figures['second run, seconds']:.1f} s"),
        ("manifests and ledger in the demo", f"{overhead:.2%} of its steps' time"),
    ]


def overhead(figures: dict[str, Any]) -> list[Row]:
    share = spread(figures["share of all steps"], ".1%")
    return [("manifests and ledger in the smoke recipe", f"{share} of its steps' time")]


def kills(figures: dict[str, Any]) -> list[Row]:
    same, lives = figures["lives with the same weights"], figures["lives"]
    return [
        (f"{figures['kills']} kills at random moments", f"{same} of {lives} runs ended with the same weights")
    ]


def rules(figures: dict[str, Any]) -> list[Row]:
    agree = min(each["agree"] for each in figures["agreement"].values() if "agree" in each)
    return [
        (
            "the four published rule sets",
            f"{spread(figures['ours: MB for a CPU second'], '.1f')} MB a CPU second",
        ),
        (
            "the same, times fewer CPU seconds than datatrove",
            f"{figures['times fewer CPU seconds for a MB']:.0f}",
        ),
        ("the same decision as datatrove, at least", f"{agree:.2%} of documents for every rule"),
    ]


def end_to_end(figures: dict[str, Any]) -> list[Row]:
    rows = []
    for what in ("JSON lines to shards (goal 30)", "WARC to shards (goal 5)", "another threshold (goal 500)"):
        values = figures[f"times fewer, {what}"]
        rows.append(
            (f"{what.partition(' (')[0]}, times fewer CPU seconds than datatrove", spread(values, ",.0f"))
        )
    return rows


def dedup(figures: dict[str, Any]) -> list[Row]:
    return [
        (
            f"near copies, {TITLES.get(name, name)}",
            f"precision {figures[name]['precision']:.3f}, recall {figures[name]['recall']:.3f}",
        )
        for name in ("ontogeny", "datasketch", "rensa")
    ]


def decontamination(figures: dict[str, Any]) -> list[Row]:
    found = figures["ontogeny"]
    return [("planted evaluation items", f"precision {found['precision']:.3f}, recall {found['recall']:.3f}")]


TITLES = {
    "ontogeny": "Ontogeny",
    "plain_gpt": "a plain PyTorch GPT loop",
    "transformers_llama": "transformers' Llama",
}
ROWS: dict[str, Callable[[dict[str, Any]], list[Row]]] = {
    "demo": demo,
    "pretrain_throughput": pretraining,
    "cli_startup": start_up,
    "overhead": overhead,
    "lifecycle_kills": kills,
    "rules_datatrove": rules,
    "curate_end_to_end": end_to_end,
    "dedup_quality": dedup,
    "decontamination": decontamination,
}


def spread(values: dict[str, Any], form: str) -> str:
    """Median and the middle half."""
    low, high = values["quartiles"]
    return f"{values['median']:{form}} ({low:{form}} to {high:{form}})"


def interval(values: dict[str, Any]) -> str:
    """Median ratio and its 95% interval."""
    low, high = values["ci95"]
    return f"{values['median']:.2f} times (95%: {low:.2f} to {high:.2f}; n = {values['n']})"


if __name__ == "__main__":
    main()
