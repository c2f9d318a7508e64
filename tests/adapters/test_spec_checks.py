"""What a codec says of itself is checked where it says it, and a codec that says it wrong costs its own row alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters import CodecSpec, Group
from codec_bench.adapters.prepared import Broken
from codec_bench.adapters.systems import System, parse_systems, ready
from codec_bench.coding.rows import codecs_of, use_checkpoint
from codec_bench.errors import SpecError, UsageError
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

BOOK = Codebook(1024, hop=320)


def spec(**changed: Any) -> CodecSpec:
    values = {"title": "X", "group": Group.ACOUSTIC, "input_rate": 16_000, "output_rate": 16_000, "codebooks": (BOOK,)}
    return CodecSpec(**values | changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"input_rate": 0}, "`input_rate` of a CodecSpec is a whole number of Hz, at least 1, not 0"),
        ({"input_rate": 22_050.5}, "`input_rate` of a CodecSpec is a whole number of Hz, at least 1, not 22050.5"),
        ({"input_rate": "16000"}, "`input_rate` of a CodecSpec is a whole number of Hz, at least 1, not '16000'"),
        ({"output_rate": -16_000}, "`output_rate` of a CodecSpec is a whole number of Hz, at least 1, not -16000"),
        ({"output_rate": np.float64("nan")}, "`output_rate` of a CodecSpec"),
        ({"hop": 0, "codebooks": ()}, "`hop` of a CodecSpec is a whole number of samples, at least 1, not 0"),
        ({"delay": -48_001}, "`delay` of a CodecSpec is a whole number of samples, at least -48000, not -48001"),
        ({"delay": 0.5}, "`delay` of a CodecSpec"),
        ({"polarity": 0}, "`polarity` of a CodecSpec is 1 or -1, not 0"),
        ({"padding": -10}, "`padding` of a CodecSpec"),
        ({"min_samples": -5}, "`min_samples` of a CodecSpec"),
        ({"packet_bits": 0}, "`packet_bits` of a CodecSpec"),
        ({"parameters": "7M"}, "`parameters` of a CodecSpec is a whole number, at least 0, not '7M'"),
        ({"slack": float("nan")}, "`slack` of a CodecSpec is a number of seconds, at least 0, not nan"),
        ({"slack": -1}, "`slack` of a CodecSpec"),
        ({"slack": "0.1"}, "`slack` of a CodecSpec"),
        ({"group": "neural"}, "`group` of a CodecSpec: unknown group 'neural'; known: reference, semantic, acoustic"),
        ({"codebooks": (65_536,)}, r"`codebooks` of a CodecSpec holds Codebook\(size, hop\), not 65536"),
        ({"codebooks": BOOK}, r"`codebooks` of a CodecSpec holds several Codebook, as in \(Codebook\(size, hop\),\)"),
        ({"weights": ("model.pt",)}, r"`weights` of a CodecSpec holds RemoteFile\(path, sha256\), not 'model.pt'"),
        ({"weights": "model.pt"}, "`weights` of a CodecSpec holds several RemoteFile"),
    ],
)
def test_a_spec_that_cannot_be_names_the_field_and_what_it_must_be(changed: dict[str, Any], message: str):
    with pytest.raises(SpecError, match=message):
        spec(**changed)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "`size` of a Codebook is a whole number, at least 1, not 0"),
        ({"size": -4}, "`size` of a Codebook"),
        ({"size": 1024.0}, "`size` of a Codebook"),
        ({"hop": 0}, "`hop` of a Codebook"),
        ({"hop": 1.5}, "`hop` of a Codebook"),
        ({"packed_bits": -1}, "`packed_bits` of a Codebook"),
    ],
)
def test_a_codebook_that_cannot_be_does_too(values: dict[str, Any], message: str):
    with pytest.raises(SpecError, match=message):
        Codebook(**{"size": 1024, "hop": 320} | values)


def test_names_of_groups_numbers_of_numpy_and_lists_are_taken_for_what_they_mean():
    book = Codebook(np.int32(1024), hop=np.int64(320))
    made = spec(
        group="acoustic", input_rate=np.int64(16_000), parameters=np.uint32(7), codebooks=[book],
        weights=[RemoteFile("x.pt")],
    )  # fmt: skip
    assert made == spec(parameters=7, weights=(RemoteFile("x.pt"),))
    assert made.group is Group.ACOUSTIC
    assert {type(value) for value in (made.input_rate, made.parameters, book.size, book.hop)} == {int}


SOURCE = """
from codec_bench.adapters import Codec, CodecSpec, Group
from codec_bench.tokens import Codebook

class Base(Codec):
    name = "base"
    spec = CodecSpec("X", Group.ACOUSTIC, 16_000, 16_000, (Codebook(256, hop=1),), cacheable=True)
    def _encode(self, samples): ...
    def _decode(self, code): ...

class Mine({base}):
{body}
"""

BODIES = {
    "a class without a name": (
        "    spec = Base.spec\n    _encode = _decode = Base._encode",
        "SpecError: its class gives no `name`", "class Mine",
    ),
    "a name that is none": ("    name = 3", "SpecError: its class gives no `name`", "class Mine"),
    "no spec": ("    spec = None", "SpecError: its `spec` is a CodecSpec, not None", "class Mine"),
    "a spec of another class": (
        "    spec = 5\n    def __init__(self, *_): pass", "SpecError: its `spec` is", "class Mine",
    ),
    "any rate": (
        "    spec = CodecSpec('X', Group.ACOUSTIC, 0, 0)", "SpecError: `input_rate` and `output_rate`", "class Mine",
    ),
    "no super().__init__": (
        "    def __init__(self, *_, **__): pass", "SpecError: its __init__ does not call super", "class Mine",
    ),
    "an abstract class": ("    from abc import abstractmethod\n    @abstractmethod\n    def more(self): ...",
        "SpecError: it lacks `more`", "class Mine"),
    "unsupported raises": (
        "    @classmethod\n    def unsupported(cls): raise KeyError('gpu')", "KeyError: 'gpu'", "KeyError",
    ),
    "unsupported exits": (
        "    @classmethod\n    def unsupported(cls): raise SystemExit(0)", "SystemExit: 0", "SystemExit",
    ),
    "needed_weights raises": ("    def needed_weights(self): return {}['w']", "KeyError: 'w'", "{}["),
    "needed_weights are texts": (
        "    def needed_weights(self): return ['w.pt']", "SpecError: `needed_weights`", "class Mine",
    ),
    "weight_digests raises": ("    def weight_digests(self): return {}['d']", "KeyError: 'd'", "{}["),
    "_fingerprint_parts raises": ("    def _fingerprint_parts(self): return {}['p']", "KeyError: 'p'", "{}["),
    "_fingerprint_parts without an address": (
        "    def _fingerprint_parts(self): return {'of': object()}", "TypeError: <object", "class Mine",
    ),
    "a hop of 0": ("    spec = CodecSpec('X', 'acoustic', 8_000, 8_000, (Codebook(2, hop=0),))",
        "SpecError: `hop` of a Codebook is a whole number, at least 1, not 0", "hop=0"),
    "a spec of a mode that cannot be": (
        "    @classmethod\n    def mode_spec(cls, mode): return CodecSpec('X', 'acoustic', 8_000.5, 8_000)",
        "SpecError: `input_rate` of a CodecSpec", "8_000.5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_what_a_plug_in_raises_before_it_runs_costs_its_own_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
):
    body, message, line = BODIES[case]
    base = "Codec" if "without a name" in case else "Base"
    source = SOURCE.format(base=base, body=body)
    (tmp_path / "spec_plug_in.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "spec_plug_in", raising=False)
    systems = ready(parse_systems(["gsm", "spec_plug_in:Mine"], keeps_broken=True), keeps_broken=True)
    assert systems[0].label == "gsm"
    assert systems[1].label in ("spec_plug_in:Mine", "base")  # the name that it has, if it could be asked
    broken = systems[1].source
    assert isinstance(broken, Broken)
    number = next(n for n, text in enumerate(source.splitlines(), 1) if line in text)
    assert broken.reason.startswith(f"spec_plug_in:Mine cannot be made: {message}")
    assert broken.reason.endswith(f"(spec_plug_in.py:{number})")
    assert "Traceback (most recent call last)" in broken.outcome.trace
    with pytest.raises(UsageError, match="spec_plug_in:Mine cannot be made"):
        ready(parse_systems(["spec_plug_in:Mine"]))


def test_a_plug_in_that_raises_while_it_takes_a_checkpoint_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    body = "    def use_checkpoint(self, path): return {}['state_dict']"
    (tmp_path / "spec_plug_in.py").write_text(SOURCE.format(base="Base", body=body))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "spec_plug_in", raising=False)
    codecs = codecs_of(parse_systems(["spec_plug_in:Mine"]))
    with pytest.raises(
        UsageError, match=r"base cannot take --checkpoint x.pt: KeyError: 'state_dict' \(spec_plug_in.py:12\)"
    ):
        use_checkpoint(codecs, Path("x.pt"))


def test_what_ships_is_ready_as_it_is():
    systems = parse_systems(["gsm"])
    assert [(s.label, s.source) for s in ready(systems)] == [(s.label, s.source) for s in systems]
    assert isinstance(systems[0], System)
