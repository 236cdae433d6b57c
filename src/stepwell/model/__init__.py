"""The nouns: frozen values without behaviour of their own, and without I/O, clock or randomness."""
