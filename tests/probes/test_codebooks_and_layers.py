"""Some codebooks alone, and hidden layers, as input of probes and of token statistics: LongCat with small weights."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec_bench.adapters.longcat.adapter import LongCat
from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import read_audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.rows import Row
from codec_bench.errors import UsageError
from codec_bench.files import file_digest
from codec_bench.probes.augmentation import AnySpeed
from codec_bench.probes.config import ProbeConfig, parse_input
from codec_bench.probes.frames import Frames
from codec_bench.probes.inputs import sources_of
from codec_bench.probes.run import chosen_systems
from codec_bench.records import NotScorable, Status, Utterance
from codec_bench.reproduction import find_tables
from codec_bench.reproduction.availability import commands
from codec_bench.runs.directory import load_run
from codec_bench.token_statistics.command import run_tokens
from codec_bench.token_statistics.config import TokensConfig
from tests.command import run_command

pytestmark = pytest.mark.long

FOLDER = "hf/meituan-longcat/LongCat-Audio-Codec/ckpts"
ENCODER = f"{FOLDER}/LongCatAudioCodec_encoder.pt"


@pytest.fixture
def small(longcat_mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LongCat with small weights and two hidden layers can run."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(longcat_mirror))


@pytest.fixture
def deep(longcat_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LongCat with small weights and 26 layers, as the published one has, can run."""
    tensors = torch.load(longcat_mirror / ENCODER, weights_only=True)
    layers = "semantic_tokenizer.model.encoder.layers."
    for name in [name for name in tensors if name.startswith(f"{layers}1.")]:
        tensors |= {name.replace(f"{layers}1.", f"{layers}{i}."): tensors[name].clone() for i in range(2, 26)}
    (tmp_path / "deep" / FOLDER).mkdir(parents=True)
    torch.save(tensors, tmp_path / "deep" / ENCODER)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"{tmp_path / 'deep'}:{longcat_mirror}")


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Three recordings of noise."""
    made = []
    for k in range(3):
        path = tmp_path / f"n{k}.wav"
        soundfile.write(path, 0.1 * np.random.default_rng(k).standard_normal(16_000 + 999 * k), 16_000)
        made.append(Item(Utterance(f"n{k}", path), file_digest(path)))
    return made


@pytest.fixture
def coding(small: None, tmp_path: Path) -> Iterator[Dispatcher]:
    made = local_dispatcher(tmp_path / "cache", "cpu")
    yield made
    made.close()


def rows(*names: str) -> list[Row]:
    return [Row(system) for system in parse_systems(names, needs_audio=False, sweeps=False)]


def test_some_codebooks_are_those_columns_of_all(coding: Dispatcher, items: list[Item]):
    (whole,) = sources_of(rows("longcat"), "tokens", "", coding)
    everything = whole.frames(items[0])
    assert everything.sizes == (8192, 8100, 8100, 8100)
    described = {}
    for books, columns in (("semantic", [0]), ("acoustic", [1, 2, 3]), ("2", [2]), ("0,3", [0, 3])):
        (source,) = sources_of(rows("longcat"), "tokens", books, coding)
        found = source.frames(items[0])
        assert source.label == f"longcat[{books}]"
        np.testing.assert_array_equal(found.values, everything.values[:, columns])
        assert found.sizes == tuple(everything.sizes[i] for i in columns)
        described[books] = source.describe()
        assert described[books]["nominal_bitrate"] == pytest.approx(len(columns) * 13 * 50 / 3)
        assert (described[books]["codebooks_used"], described[books]["books"]) == (len(columns), columns)
        assert source.fingerprint != whole.fingerprint
    assert len({d["fingerprint"] for d in described.values()}) == 4
    (two,) = sources_of(rows("longcat@2"), "tokens", "acoustic", coding)
    assert two.label == "longcat@2[acoustic]" and two.frames(items[0]).sizes == (8100,)
    (one,) = sources_of(rows("longcat@1"), "tokens", "", coding)
    np.testing.assert_array_equal(one.frames(items[0]).values, everything.values[:, :1])


def test_vectors_of_some_codebooks(coding: Dispatcher, items: list[Item]):
    (source,) = sources_of(rows("longcat"), "embeddings", "acoustic", coding)
    (each,) = sources_of(rows("longcat"), "embeddings", "", coding)
    np.testing.assert_array_equal(source.frames(items[0]).values, each.frames(items[0]).values[:, 32:])


def test_layers_are_made_in_one_pass_and_kept(coding: Dispatcher, items: list[Item], tmp_path: Path):
    asked: list[tuple[str, list[int]]] = []
    inner = coding.hidden

    def hidden(row: Row, item: Item, layers: list[int]) -> dict[int, np.ndarray]:  # type: ignore[type-arg]
        asked.append((item.utterance.id, list(layers)))
        return inner(row, item, layers)

    coding.hidden = hidden  # type: ignore[assignment, method-assign]
    cache = ArrayCache(tmp_path / "frames")
    sources = sources_of(rows("longcat"), "hidden", "1,2", coding)
    assert [source.label for source in sources] == ["longcat[hidden 1]", "longcat[hidden 2]"]
    found = [source.extract(items, cache) for source in sources]
    assert found[0].failed == {}
    assert asked == [(f"n{k}", [1, 2]) for k in range(3)]
    codec = LongCat()
    codec.load()
    for k, item in enumerate(items):
        samples = soundfile.read(item.utterance.path, dtype="float32")[0]
        states = codec._loaded_encoder().hidden_layers(samples, [1, 2])
        for layer, extracted in zip((1, 2), found, strict=True):
            entry = cache.get(extracted.addresses[f"n{k}"])
            assert entry is not None
            frames = Frames.from_arrays(entry)
            np.testing.assert_array_equal(frames.values, states[layer])
            assert frames.rate == pytest.approx(50 / 3) and frames.sizes == ()
    # Of an altered recording they are what the encoder makes of that.
    slower = AnySpeed(factors=(0.9,))
    (altered,) = sources_of([replace(row, condition=slower) for row in rows("longcat")], "hidden", "1", coding)
    heard = slower.played(read_audio(items[0].utterance.path), items[0].digest)
    np.testing.assert_array_equal(
        altered.frames(items[0]).values, codec._loaded_encoder().hidden_layers(heard.samples, [1])[1]
    )
    assert altered.address(items[0]) != sources[0].address(items[0])
    asked.pop()
    # Another time nothing is computed, and of more layers only what the cache lacks.
    assert [s.extract(items, cache) for s in sources_of(rows("longcat"), "hidden", "1,2", coding)] == found
    assert len(asked) == 3
    described = sources[0].describe()
    assert described["nominal_bitrate"] is None and described["system"] == "longcat@4"


def test_a_recording_that_cannot_be_read_is_tried_once(coding: Dispatcher, items: list[Item], tmp_path: Path):
    items[1].utterance.path.write_bytes(b"no audio")
    cache = ArrayCache(tmp_path / "frames")
    sources = sources_of(rows("longcat"), "hidden", "1,2", coding)
    first, second = (source.extract(items, cache) for source in sources)
    assert set(first.addresses) == set(second.addresses) == {"n0", "n2"}
    assert first.failed["n1"] is second.failed["n1"]
    assert isinstance(first.failed["n1"], NotScorable) and first.failed["n1"].status is not Status.OK


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codec": ("longcat@2",), "codebooks": [1]}, "contradict each other"),
        ({"codec": ("longcat@2",), "input": "hidden:1"}, "leave out @2"),
        ({"codec": ("longcat",), "input": "hidden:1", "codebooks": [2]}, "leave out --codebooks"),
    ],
)
def test_options_that_contradict_each_other(small: None, changes: dict[str, object], message: str):
    config = ProbeConfig(**{"task": "er", "dataset": "demo", **changes})
    with pytest.raises(UsageError, match=message):
        chosen_systems(config)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("longcat", "hidden:3", "longcat has hidden layers 1 to 2, no layer 3"),
        ("codec2@1200", "hidden:1", "codec2 offers no hidden layers"),
        ("longcat@2", "tokens:2", "longcat@2 has codebooks 0 to 1, not 2"),
        ("longcat@1", "tokens:acoustic", "longcat@1 has no acoustic codebook among its first 1"),
        ("lyra@16", "tokens:semantic", "lyra@16 does not say which of its codebooks are semantic"),
    ],
)
def test_what_a_codec_lacks_is_said_before_anything_is_coded(coding: Dispatcher, name: str, kind: str, message: str):
    with pytest.raises(UsageError, match=message):
        sources_of(rows(name), *parse_input(kind), coding)


def test_sweeps_are_of_all_inputs_but_parts():
    def labels(**options: object) -> list[str]:
        config = ProbeConfig(**{"codec": "longcat", "task": "er", "dataset": "demo", **options})
        return [system.label for system in chosen_systems(config)]

    assert labels() == labels(input="latents") == ["longcat@2", "longcat@3", "longcat@4"]
    assert labels(input="tokens:semantic") == labels(input="hidden") == ["longcat@4"]
    assert labels(input="tokens:acoustic", codebooks=[2, 4]) == ["longcat@2", "longcat@4"]
    assert labels(codebooks=[1]) == ["longcat@1"]


@pytest.mark.slow
def test_statistics_of_some_codebooks(small: None, tmp_path: Path):
    plain = {"codec": "longcat", "dataset": "demo", "limit": 4, "lm": False, "stability": 2, "map_method": "none",
             "report": False, "device": "cpu"}  # fmt: skip
    books = {}
    for name, options in {
        "all": {"codebooks": [4]},
        "acoustic": {"books": "acoustic"},
        "one": {"codebooks": [1]},
    }.items():
        run_tokens(TokensConfig(**plain, **options, out=tmp_path / name))
        books[name] = load_run(tmp_path / name).table("codebooks.csv")
    assert set(books["acoustic"]["system"]) == {"longcat[acoustic]"} and set(books["one"]["system"]) == {"longcat@1"}
    same = ["size", "tokens", "used", "entropy_bits"]
    assert books["acoustic"][same].to_numpy().tolist() == books["all"][same].to_numpy()[1:].tolist()
    assert books["one"][same].to_numpy().tolist() == books["all"][same].to_numpy()[:1].tolist()
    run = load_run(tmp_path / "acoustic")
    (rate,) = set(run.summary["bitrate_kbps"][run.summary["system"] == "longcat[acoustic]"])
    assert rate == pytest.approx(0.65)
    lonely = load_run(tmp_path / "one").scores
    undecoded = lonely[(lonely["metric"] == "stability[reencode]") & (lonely["system"] == "longcat@1")]
    assert set(undecoded["status"]) == {"undefined"}
    assert "decodes 2, 3 or 4 codebooks, not 1" in undecoded["reason"].iloc[0]
    with pytest.raises(UsageError, match="--books nothing"):
        TokensConfig(codec="longcat", books="nothing")


@pytest.mark.slow
def test_the_commands_that_table_3_of_longcat_prints_run(deep: None, tmp_path: Path):
    generator = np.random.default_rng(0)
    lines = ["id\tpath\tspeaker\tlabel"]
    for speaker in range(4):
        for k in range(6):
            soundfile.write(tmp_path / f"s{speaker}-{k}.wav", 0.1 * generator.standard_normal(6000), 16_000)
            lines.append(f"s{speaker}-{k}\ts{speaker}-{k}.wav\tspk{speaker}\t{('low', 'high')[k % 2]}")
    (tmp_path / "noise.tsv").write_text("\n".join(lines) + "\n")
    printed = commands(find_tables("longcat:table3")[0])
    assert len(printed) == 2
    seen = set()
    for number, command in enumerate(printed):
        arguments = shlex.split(command)[1:]
        arguments[arguments.index("--task") + 1] = ("er", "sid")[number]  # the recordings have no transcripts
        arguments[arguments.index("--dataset") + 1] = str(tmp_path / "noise.tsv")
        out = tmp_path / f"run{number}"
        done = run_command(tmp_path, *arguments, "--seeds", "1", "--jobs", "1", "--device", "cpu", "--out", str(out))
        assert done.returncode == 0, done.stderr
        seen |= set(load_run(out).systems)
    assert seen == {"log-mel", "random-tokens", "longcat@1", "longcat[hidden 26]"}
