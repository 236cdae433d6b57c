"""The command line: one module per noun, over `client`; each imports what it needs when it is used."""
