"""A codec in an environment of its own, for `package.module:Class`."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.tokens import Codebook

from .material import COMMIT

SOURCE = Source("someone/toy", COMMIT, paths=("toy",))
TREE = {"toy-0123456/toy/__init__.py": "place = 'the source'\n", "toy-0123456/setup.py": "raise SystemExit\n"}


class ToyCodec(IsolatedCodec):
    """Eight bits per sample at 16 kHz; see `toy_worker.py`."""

    name = "toy"
    environment = Environment("toy", requirements=("jiwer==0.0.1",), sources=(SOURCE,), inherits=True)
    worker = Path(__file__).with_name("toy_worker.py")
    call_timeout = 20.0

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """The same at any mode."""
        return CodecSpec("Toy", Group.CLASSIC, 16_000, 16_000, (Codebook(256, hop=1),))
