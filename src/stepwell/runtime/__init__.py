"""Who does the work: one duty per file."""
