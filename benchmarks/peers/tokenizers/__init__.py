"""Hugging Face tokenizers: `encode_batch_fast`, and its own BPE trainer."""
