"""A plain PyTorch GPT and training loop of nanoGPT's kind, written for this comparison."""
