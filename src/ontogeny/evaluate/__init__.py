"""Suites, the runner that scores models on them, paired comparisons, gates, and the report."""
