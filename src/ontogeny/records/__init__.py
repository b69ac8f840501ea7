"""Rows in and out: formats, compression, column mapping, bad-row accounting, sorted and bounded parquet."""
