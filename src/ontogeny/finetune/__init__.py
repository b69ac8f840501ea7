"""Tuning a model on labelled examples: conversations become token rows of which the answers are to be learnt."""
