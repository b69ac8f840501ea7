"""The decoder: its configuration, layers, loss, initial weights, cache, arithmetic cost, and its file formats."""
