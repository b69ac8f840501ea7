"""Edits: what takes parts of a text out, or puts something else in their place, and says how much."""
