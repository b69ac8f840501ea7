"""Labelled examples and how answers to them are judged; no model: scorers are passed in."""
