"""The rules of the dial `size`: what they say, where they are from, and their constants."""

from __future__ import annotations

from dataclasses import dataclass

NANOCHAT = "nanochat, scripts/base_train.py"
LINGLE = "lucaslingle.substack.com, Scaling Laws for Optimal LR and Batch Size"

WIDTH_PER_LAYER = 64  # nanochat
K_QUANT_BLOCK = 256  # weights that share their scales in GGUF's K-quants; a row must be a multiple
K_QUANTS_FROM_DEPTH = 8  # our choice: smaller models are too small to be worth quantising to four bits
SMALL_HEAD, LARGE_HEAD, LARGE_HEADS_FROM = 64, 128, 768  # GPT-2's, nanochat's; from where on is our choice
ROW_LIMITS = (256, 2048)  # our choice; nanochat's
TOKENS_PER_WEIGHT = 10.5  # nanochat
BATCH_REFERENCE = (32_768, 128e6)
"""Tokens a batch, tokens of the run: the best of seven batches at 46M and 109M weights. It is the smallest that was
tried there, so what is best may be smaller still."""
BATCH_EXPONENT = 0.383  # arXiv 2505.13738
LR, ADAM_LR, EMBEDDING_LR, LR_WIDTH = 0.005, 0.008, 0.05, 128  # measured at that width; decision 0016
BETA2, BETA2_BATCH = 0.95, 524_288  # arXiv 2507.07101, section 3
DECAY_TIMESCALE = 0.25  # of nanochat's 12 layers, whose decay is cautious and falls beside the rate
WARMUP_STEPS = 40  # nanochat
DECAY_FRACTION = 0.65  # nanochat
MICRO_BATCH_TOKENS = 16_384  # our choice


@dataclass(frozen=True)
class Rule:
    """How a value follows, in words, and who found it out."""

    words: str
    source: str


RULES = {
    "d_model": Rule(
        f"{WIDTH_PER_LAYER} a layer, from {K_QUANTS_FROM_DEPTH} layers on in multiples of {K_QUANT_BLOCK} for K-quants",
        NANOCHAT,
    ),
    "head_dim": Rule(
        f"{LARGE_HEAD} from a width of {LARGE_HEADS_FROM} on, else {SMALL_HEAD}", "nanochat, dev/LOG.md"
    ),
    "n_heads": Rule("width by size of a head", "arXiv 1706.03762, section 3.2.2"),
    "n_kv_heads": Rule("one for each query head", NANOCHAT),
    "d_ff": Rule(
        f"8/3 of the width, up to a multiple of {K_QUANT_BLOCK} where the width is one, else of {WIDTH_PER_LAYER}",
        "arXiv 2002.05202, section 3; Llama's multiple_of",
    ),
    "seq_len": Rule(
        f"the power of two nearest to {WIDTH_PER_LAYER} a layer, from {ROW_LIMITS[0]} to {ROW_LIMITS[1]}",
        "GPT-2's 1,024 at 12 layers, nanochat's 512 at 6 and 2,048",
    ),
    "tie_embeddings": Rule("the head has weights of its own", "nanochat and modded-nanogpt"),
    "tokens": Rule(
        f"{TOKENS_PER_WEIGHT} for each weight of matrices and head", "nanochat, dev/LOG.md, 2026-01-27"
    ),
    "batch_tokens": Rule(
        f"{BATCH_REFERENCE[0]:,} at {BATCH_REFERENCE[1] / 1e6:.0f}M tokens, growing with tokens^{BATCH_EXPONENT}; "
        "rows down to a power of two",
        f"level: {LINGLE}; exponent: arXiv 2505.13738; small batches on one machine: 2507.07101",
    ),
    "batch_rows": Rule("whole rows of the batch", "arithmetic"),
    "steps": Rule("tokens by batch", "arithmetic"),
    "lr": Rule(
        f"{LR:g} at a width of {LR_WIDTH}, falling with its root; with the root of the batch where that is given",
        "width: arXiv 2410.21265; batch: 2205.10287; level: measured",
    ),
    "adam_lr": Rule(f"as `lr`, from {ADAM_LR:g}", f"{NANOCHAT}; level: measured"),
    "embedding_lr": Rule(f"as `lr`, from {EMBEDDING_LR:g}", f"{NANOCHAT}; level: measured"),
    "beta2": Rule(
        f"{BETA2} at {BETA2_BATCH:,} tokens a batch, forgetting after as many tokens at any other",
        "arXiv 2507.07101, section 3",
    ),
    "weight_decay": Rule(
        f"so that weights forget, after 1 / (lr · weight_decay) steps, within {DECAY_TIMESCALE} of a run of "
        f"{TOKENS_PER_WEIGHT} tokens a weight; of a longer one sooner, with the root",
        "arXiv 2405.13698; ratio of tokens to weights: 2505.13738",
    ),
    "cautious": Rule(
        "only weights that an update moves towards zero decay", "arXiv 2510.12402; nanochat, dev/LOG.md"
    ),
    "warmup_steps": Rule(f"{WARMUP_STEPS}, at most a tenth of the steps", NANOCHAT),
    "decay_fraction": Rule(
        "as in nanochat, in a line down to nothing", f"{NANOCHAT}; to nothing: arXiv 2502.15938"
    ),
    "micro_batch_rows": Rule(
        f"as many as hold {MICRO_BATCH_TOKENS:,} tokens", "bounds memory, changes nothing but rounding"
    ),
}
