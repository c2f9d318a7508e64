"""codec-bench: reproducible evaluation of neural speech codecs."""

__version__ = "0.1.0"
