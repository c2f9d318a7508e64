"""Codebooks as a command line names them, and numbers of codebooks that are encoded and cannot be decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from codec_bench.adapters import CODECS, Codec, CodecSpec, Group
from codec_bench.adapters.books import Books, parse_numbers
from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import Audio
from codec_bench.errors import CodecError, SpecError, UsageError
from codec_bench.tokens import Code, Codebook
from tests.token_statistics.streams import tokens_with


@pytest.mark.parametrize(
    ("text", "count", "semantic", "found"),
    [
        ("semantic", 4, (0,), (0,)),
        ("acoustic", 4, (0,), (1, 2, 3)),
        ("acoustic", 2, (0,), (1,)),
        ("semantic", 2, (0, 1, 2), (0, 1)),
        ("0", 4, (), (0,)),
        ("1-3", 4, (0,), (1, 2, 3)),
        ("2,0-1", 4, (), (0, 1, 2)),
    ],
)
def test_codebooks_by_kind_and_by_number(text: str, count: int, semantic: tuple[int, ...], found: tuple[int, ...]):
    assert Books(text).of(count, semantic, "x") == found


@pytest.mark.parametrize("text", ["", "all", "-1", "1-", "3-1", "1,,2", "1.5", "codebook_0", "0-99999999999"])
def test_what_names_no_codebooks_is_refused(text: str):
    with pytest.raises(UsageError, match="codebooks are semantic, acoustic, or numbers"):
        Books(text)


@pytest.mark.parametrize(
    ("text", "count", "semantic", "message"),
    [
        ("1-3", 3, (0,), "x has codebooks 0 to 2, not 3"),
        ("1", 1, (0,), "x has codebook 0 alone, not 1"),
        ("acoustic", 1, (0,), "x has no acoustic codebook among its first 1"),
        ("semantic", 8, (), "x does not say which of its codebooks are semantic"),
    ],
)
def test_codebooks_that_a_system_lacks_are_refused(text: str, count: int, semantic: tuple[int, ...], message: str):
    with pytest.raises(UsageError, match=message):
        Books(text).of(count, semantic, "x")


def test_numbers_rise_and_are_there_once():
    assert parse_numbers("26,1,14-15,1") == (1, 14, 15, 26)


def test_picked_tokens_are_those_codebooks():
    tokens = tokens_with([1, 2], [3, 4], [5, 6])
    assert [s.codes.tolist() for s in tokens.picked((0, 2)).streams] == [[1, 2], [5, 6]]


def test_a_spec_marks_codebooks_that_it_has():
    book = Codebook(16, hop=320)
    made = CodecSpec("x", Group.SEMANTIC, 16_000, 16_000, (book, book), semantic_codebooks=(np.int64(0),))
    assert made.semantic_codebooks == (0,)
    with pytest.raises(SpecError, match="semantic_codebooks"):
        CodecSpec("x", Group.SEMANTIC, 16_000, 16_000, (book, book), semantic_codebooks=(2,))


@pytest.mark.parametrize("name", ["longcat", "mimi", "speechtokenizer", "dualcodec-12hz", "semanticodec"])
def test_codecs_whose_first_codebook_is_semantic_say_so(name: str):
    found = [n for n in CODECS.names() if n == name or n.startswith("dualcodec" if "dual" in name else name)]
    assert found
    for cls in map(CODECS.get, found):
        assert {cls.mode_spec(mode).semantic_codebooks for mode in cls.modes or (None,)} == {(0,)}


def test_a_number_that_cannot_be_decoded_is_a_system_where_no_audio_is_needed():
    (system,) = parse_systems(["longcat"], [1], needs_audio=False)
    assert (system.label, system.codebooks) == ("longcat@1", 1)
    (named,) = parse_systems(["longcat@1"], needs_audio=False)
    assert (named.label, named.codebooks, type(named.source)) == (system.label, 1, type(system.source))
    assert system.spec.bitrate(1) == pytest.approx(650 / 3)
    for name, codebooks in (("longcat@5", []), ("longcat@0", []), ("longcat", [5])):
        with pytest.raises(UsageError, match=r"sends 1 to 4 codebooks, not [05]"):
            parse_systems([name], codebooks, needs_audio=False)
        with pytest.raises(UsageError, match="decodes 2, 3 or 4 codebooks, not"):
            parse_systems([name], codebooks)


@pytest.mark.parametrize("needs_audio", [True, False])
def test_a_setting_and_an_option_that_contradict_each_other(needs_audio: bool):
    with pytest.raises(UsageError, match="longcat@2 and --codebooks 1 contradict each other"):
        parse_systems(["longcat@2"], [1], needs_audio=needs_audio)
    with pytest.raises(UsageError, match="longcat@2 and --codebooks 2,3 contradict"):
        parse_systems(["longcat@2"], [2, 3], needs_audio=needs_audio)
    assert [s.label for s in parse_systems(["longcat@2"], [2], needs_audio=needs_audio)] == ["longcat@2"]


def test_without_a_sweep_a_codec_has_all_its_codebooks():
    assert [s.label for s in parse_systems(["longcat"], needs_audio=False, sweeps=False)] == ["longcat@4"]
    assert [s.label for s in parse_systems(["longcat"], [2, 3], needs_audio=False, sweeps=False)] == [
        "longcat@2",
        "longcat@3",
    ]
    assert len(parse_systems(["opus"], sweeps=False)) == len(CODECS.get("opus").modes)


def test_a_codec_without_hidden_layers_says_so():
    codec = CODECS.get("test-identity")()
    assert isinstance(codec, Codec) and codec.hidden_layers() == 0
    with pytest.raises(UsageError, match="test-identity offers no hidden layers"):
        codec.chosen_layers([1])


class Layered(Codec):
    """A codec of the user's with three layers, of which the last two can be made wrong."""

    name = "layered"
    spec = CodecSpec("Layered", Group.SEMANTIC, 16_000, 16_000, (Codebook(16, hop=320),), cacheable=True)
    wrong: NDArray[np.float32] | None = None

    def _encode(self, samples: NDArray[np.float32]) -> Code:
        return self.tokens(np.zeros((1, -(-len(samples) // 320)), np.int64))

    def _decode(self, code: Code) -> NDArray[np.float32]:
        raise AssertionError("a probe decodes nothing")

    def hidden_layers(self) -> int:
        return 3

    def _hidden(self, samples: NDArray[np.float32], layers: Sequence[int]) -> Mapping[int, NDArray[np.float32]]:
        frames = np.ones((-(-len(samples) // 320), 4), np.float32)
        return {layer: layer * frames if layer == 1 or self.wrong is None else self.wrong for layer in layers}


def test_layers_of_a_plug_in():
    codec, audio = Layered(), Audio(np.ones(8000, np.float32), 8000)
    found = codec.hidden(audio, [3, 1])
    assert list(found) == [1, 3] and found[3].shape == (50, 4) and (found[3] == 3).all()
    assert list(codec.hidden(audio)) == [3]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.ones((1, 50, 4), np.float32), "a batch of one"),
        (np.ones(50, np.float32), r"hidden layer 2 is floats \[frames, dimension\]"),
        (np.ones((50, 4), np.int64), "not int64"),
        (np.full((50, 4), np.nan, np.float32), "not finite"),
        (np.ones((100, 4), np.float32), "frames of hidden layer 2 last 2.00 s, and 1.00 s were encoded"),
        ("text", "not an array of numbers"),
    ],
)
def test_layers_that_are_none(wrong: NDArray[np.float32], message: str):
    codec = Layered()
    codec.wrong = wrong
    with pytest.raises(CodecError, match=message):
        codec.hidden(Audio(np.ones(8000, np.float32), 8000), [2])
