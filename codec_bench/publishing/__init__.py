"""Results that people share: one file per system and protocol, made of runs, checked by anyone."""
