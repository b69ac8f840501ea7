"""Claim: 100,000 mutated GGUF files lead to no crash, and none to more memory or time than a whole one needs.

Small models of four architectures, with byte-level and with SentencePiece tokenizers, are written as GGUF; copies of
them have bits turned, numbers overwritten (with the largest and with nearly right ones), pieces cut out, doubled or
swapped, or the end cut off, mostly in the header. Each copy goes through everything that an import does: it is opened
and unpacked, and from what was unpacked model and tokenizer are loaded, and a text is encoded. Only our own error may
come of it. The n-th copy depends on n alone.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import struct
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import models, normalizers

from benchmarks.measure import Json, write_result
from ontogeny.core.errors import OntogenyError
from ontogeny.model.config import ModelConfig
from ontogeny.model.formats import huggingface
from ontogeny.model.formats.gguf import unpack
from ontogeny.model.formats.gguf_export import GgufType, write_gguf_export
from ontogeny.model.formats.gguf_parts import GgufModel
from ontogeny.model.transformer import Transformer
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.tokenizer.train import train_bpe

NUMBERS = (0, 1, 2, 3, 31, 33, 255, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 63,
           (1 << 64) - 1)  # fmt: skip
LLAMA3 = {"kind": "llama3", "factor": 8, "original_seq_len": 16}
YARN = {"kind": "yarn", "factor": 4, "original_seq_len": 16, "attention_factor": 0.9}
GEMMA3: dict[str, Any] = {
    "activation": "gelu_tanh", "norm_unit_offset": True, "post_norms": True, "scale_embeddings": True,
    "query_pre_attn_scalar": 8, "window": 16, "local_layers": (0, 1), "local_rope_base": 1000.0,
}  # fmt: skip
TEXT = "to be, abc\N{SNOWMAN} 12"
STEP_NAMES = ("bit", "byte", "number", "nudge", "cut", "double", "swap", "end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        originals = [path.read_bytes() for path in make_originals(Path(folder))]
        outcome = run(originals, files, Path(folder) / "mutated.gguf")
    figures: dict[str, Json] = {**outcome, "goal": "crashes 0"}
    write_result("gguf_fuzz", settings={"files": files}, runs=[], figures=figures)


def make_originals(folder: Path) -> list[Path]:
    """Small models, one of each kind of mapping, of storage and of tokenizer."""
    text = train_bpe(["to be or not to be, that is the question: " * 20] * 4, vocab_size=280)
    kinds: tuple[tuple[str, dict[str, Any], Tokenizer, GgufType], ...] = (
        ("qwen3", {}, text, "q4_k_m"),
        ("llama", {"qk_norm": False, "tie_embeddings": False, "rope_scaling": LLAMA3}, text, "f16"),
        ("qwen2", {"qk_norm": False, "qkv_bias": True, "rope_scaling": YARN}, text, "q4_0"),
        ("gemma3", GEMMA3, sentencepiece(), "q8_0"),
    )
    paths = []
    for name, switches, tokenizer, weight_type in kinds:
        config = ModelConfig(
            vocab_size=288, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, head_dim=8, d_ff=64, seq_len=64, **switches
        )  # fmt: skip
        huggingface.save(Transformer(config), folder / name, tokenizer=tokenizer)
        paths.append(folder / f"{name}.gguf")
        write_gguf_export(folder / name, paths[-1], weight_type=weight_type)
    return paths


def sentencepiece() -> Tokenizer:
    """A tokenizer of pieces with a fallback to bytes, as Gemma's."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    merges = [("a", "b"), ("ab", "c"), ("\u2581", "a")]
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *"\u2581abcdefgh", *map("".join, merges)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    bpe = tokenizers.Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    bpe.normalizer = normalizers.Replace(" ", "\u2581")
    bpe.add_special_tokens(special)
    return Tokenizer(bpe, None, end_of_text="<eos>", stop_tokens=["<eos>"], begin_of_text="<bos>")


def run(originals: list[bytes], files: int, place: Path) -> dict[str, Json]:
    """Counts of what came of the files, the slowest read and the memory at the end beyond that at the beginning."""
    headers = [header_size(original, place) for original in originals]
    for original in originals:
        place.write_bytes(original)
        read(place)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(files):
        which = number % len(originals)
        place.write_bytes(mutated(originals[which], headers[which], number))
        started = time.perf_counter()
        outcomes[outcome_of(place, number)] += 1
        slowest = max(slowest, time.perf_counter() - started)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "files": files, "refused": outcomes["refused"], "read": outcomes["read"], "crashes": outcomes["crash"],
        "slowest, seconds": round(slowest, 3), "peak memory grown by, MiB": round(grown / 1024, 1),
        "bytes a file, about": len(originals[0]),
    }  # fmt: skip


def outcome_of(place: Path, number: int) -> str:
    """`read`, `refused` or `crash`; a crash is shown."""
    try:
        read(place)
    except OntogenyError:
        return "refused"
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a panic of a library written in Rust is no Exception
        print(f"file {number}:\n{traceback.format_exc()}")
        return "crash"
    return "read"


def read(path: Path) -> None:
    """Everything that an import does."""
    folder = path.with_suffix(".folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    unpack(path, folder)
    model, tokenizer = huggingface.load(folder), Tokenizer.load(folder)
    huggingface.check_tokenizer(tokenizer, model.config, where=str(path))
    tokenizer.decode(tokenizer.encode(TEXT))


def header_size(original: bytes, place: Path) -> int:
    """Bytes before the first tensor."""
    place.write_bytes(original)
    return min(info.start for info in GgufModel(place).tensors.values())


def mutated(original: bytes, header: int, number: int) -> bytes:
    """A copy of `original` with one to four faults."""
    rng = np.random.default_rng(number)
    data = bytearray(original)
    for _ in range(int(rng.integers(1, 5))):
        # Tokens take most of a header; what tells sizes stands at its two ends.
        reach = [64, 1200, header, len(data)][int(rng.integers(4))]
        at = int(rng.integers(max(1, min(reach, len(data) - 8))))
        if reach == header and rng.random() < 0.5:
            at = max(0, min(header, len(data) - 8) - 1 - int(rng.integers(1600)))
        change(data, at, STEP_NAMES[int(rng.integers(len(STEP_NAMES)))], rng)
        if len(data) < 16:
            break
    return bytes(data)


def change(data: bytearray, at: int, step: str, rng: np.random.Generator) -> None:
    """One fault at byte `at`."""
    width = int(rng.choice([1, 4, 8]))
    length = int(rng.integers(1, 64))
    if step == "bit":
        data[at] ^= 1 << int(rng.integers(8))
    elif step == "byte":
        data[at] = int(rng.integers(256))
    elif step == "number":
        data[at : at + 8] = (
            struct.pack("<Q", NUMBERS[int(rng.integers(len(NUMBERS)))])[:width] + data[at + width : at + 8]
        )
    elif step == "nudge":
        value = int.from_bytes(data[at : at + width], "little") + int(rng.integers(-4, 5))
        data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    elif step == "cut":
        del data[at : at + length]
    elif step == "double":
        data[at:at] = data[at : at + length]
    elif step == "swap":
        other = int(rng.integers(max(1, len(data) - length)))
        data[at : at + length] = data[other : other + length]
    else:
        del data[int(rng.integers(8, len(data))) :]


if __name__ == "__main__":
    main()
