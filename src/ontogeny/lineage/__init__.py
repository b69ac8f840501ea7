"""Artifacts, their manifests, the ledger that connects them, and the protocol of a step."""
