"""What most neural codecs say of themselves alike."""

from __future__ import annotations

from functools import partial

from codec_bench.adapters.spec import CodecSpec

neural = partial(CodecSpec, causal=False, streaming=False, weights_licence="not stated")
"""The spec of a codec that looks ahead, codes whole recordings, and whose authors state no licence of its weights; what
is otherwise is to be said."""
