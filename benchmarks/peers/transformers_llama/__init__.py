"""`LlamaForCausalLM` of Hugging Face transformers, in the same hand-written step as the plain GPT."""
