"""The decisions: pure and synchronous; the present moment and randomness are arguments."""
