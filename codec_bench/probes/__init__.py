"""Probes: what a small model can read from frozen tokens, between random tokens and the log-mel spectrogram."""
