"""Whose code made a number: the source of a plug-in, and what its objects hold once they are loaded.

What ships with codec-bench has versions that people raise. Code of users changes without one, so its address holds the
content of its module and of every module of the user's own that it imports; modules of installed packages count by the
version of their distribution. What a plug-in opens by itself is seen only where its source names the file.
"""

from codec_bench.identity.invocations import invocation, join_invocation, new_invocation
from codec_bench.identity.source import Source, function_parts, kept_for, loaded_modules, source_of
from codec_bench.identity.state import State, state_of

__all__ = [
    "Source",
    "State",
    "function_parts",
    "invocation",
    "join_invocation",
    "kept_for",
    "loaded_modules",
    "new_invocation",
    "source_of",
    "state_of",
]
