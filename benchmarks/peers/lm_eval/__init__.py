"""lm-evaluation-harness with its Hugging Face backend."""
