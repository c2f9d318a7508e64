"""Listening tests with people: what a run decoded as a webMUSHRA test, and its results as a column of that run."""
