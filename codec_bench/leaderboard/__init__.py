"""A static site of published results: a table to filter, plots, a page per codec, claims beside measurements."""
