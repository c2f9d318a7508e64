"""The version of the package, where every floor of it can read it."""

__version__ = "0.1.0"
