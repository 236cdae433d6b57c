"""What the SQL stores share: how nouns become columns, the statements built from them, the migrations."""
