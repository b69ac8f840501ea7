"""Tokenizers of other makers, read into ours: `.tiktoken` rank files and SentencePiece models."""
