"""Intervals, standard errors and paired tests; no model."""
