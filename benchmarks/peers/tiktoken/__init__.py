"""tiktoken, with the entries and the pattern of the tokenizer that is compared. It does not train."""
