"""Environments for code whose dependencies clash with ours: what they need, how they are made, where they are."""

from codec_bench.environments.environment import Check, Checks, Environment, EnvironmentState
from codec_bench.environments.sources import Source, tree_digest
from codec_bench.environments.virtual import Announce

__all__ = ["Announce", "Check", "Checks", "Environment", "EnvironmentState", "Source", "tree_digest"]
