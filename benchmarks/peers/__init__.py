"""The peers: one folder each, with a pinned `requirements.txt` (peers' pins clash, so each gets a `.venv` of
its own) and a `worker.py` that does one turn when it is asked to. Modules here import nothing of ours: they
run in the peers' environments.
"""
