"""One script per claim. Each runs us and the peer in turn, in one command, and writes
`benchmarks/results/<name>.json`.

    make bench                                     all of them
    .venv/bin/python -m benchmarks.cli_startup     one of them (`--help` tells its settings)
"""
