"""Figures and self-contained HTML pages: one look for all stages."""
