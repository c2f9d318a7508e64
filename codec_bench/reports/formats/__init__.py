"""How a table is written: one format per file."""
