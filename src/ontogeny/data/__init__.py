"""From outside files to documents: sources, normalisation, rules, dedup, splits; labelled rows are documents too."""
