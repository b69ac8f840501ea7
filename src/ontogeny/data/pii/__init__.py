"""Personal data and secrets in text: a compiled pass finds where they may be, patterns and checksums decide.

Found are e-mail and IP addresses, phone and payment card numbers, IBANs and common secret tokens. Not found are names,
postal addresses and everything else that takes understanding.
"""
