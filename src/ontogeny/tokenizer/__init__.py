"""Byte-level BPE: trained, used, dressed with a chat template, and turned into token shards."""
