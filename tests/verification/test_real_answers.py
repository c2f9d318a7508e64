"""What runs here against what others published, and against the same with something damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.lyra import DECODER, ENCODER, QUANTIZER, Lyra
from codec_bench.hub import places
from codec_bench.metrics import secs
from codec_bench.metrics.model import free_models
from codec_bench.verification import Outcome, Result, target_of
from codec_bench.verification.answers import Values
from codec_bench.verification.checks import results_of
from codec_bench.verification.inputs import audio_of

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore:n_fft=4096 is too large")]

METRICS = (
    "pesq_wb", "pesq_nb", "stoi", "estoi", "si_sdr", "secs", "nisqa",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("visqol", "dnsmos", "dnsmos.p808", "wer[pocketsphinx]")),
)  # fmt: skip
"""Those that are verified here without a network; `verify all-here` has also Whisper and Lyra."""


@pytest.fixture(autouse=True)
def _mirror(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    free_models()  # another file of tests may have left the published ones loaded
    yield
    free_models()


def verified(name: str, *, change: Callable[[Any], Values] | None = None, plugin: Codec | None = None) -> list[Result]:
    """The results of a target in this process, for the inputs that are here; of signals that were changed, if they
    shall be.
    """
    (target,) = target_of(name)
    file, checks = target.file, [check for check in target.checks if is_here(target.file.inputs[check.input])]
    if change is not None:
        changed = {f"changed {n}": change(made) for n, made in file.inputs.items() if is_here(made)}
        file = file.model_copy(update={"inputs": file.inputs | changed})
        checks = [check.model_copy(update={"input": f"changed {check.input}"}) for check in checks]
    return list(results_of(target.name, plugin or target.plugin, file, checks, {}))


def is_here(made: Any) -> bool:
    return not hasattr(made, "file")


def outcomes(results: list[Result]) -> set[Outcome]:
    assert results
    return {result.outcome for result in results}


@pytest.mark.parametrize("name", METRICS)
def test_what_was_published_is_found_and_not_with_another_signal(name: str) -> None:
    assert outcomes(verified(f"metric:{name}")) == {Outcome.PASSED}

    def at_another_rate(made: Any) -> Values:
        audio = audio_of(made)
        samples = audio.samples * np.linspace(1, 0.5, len(audio)) if name in ("si_sdr", "visqol") else audio.samples
        return Values(what="a wrong rate", values=tuple(map(float, samples)), rate=2 * audio.rate)

    assert outcomes(verified(f"metric:{name}", change=at_another_rate)) == {Outcome.FAILED}


# --- weights that are damaged ----------------------------------------------------------------------------------------


@pytest.fixture
def any_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A mirror whose files are taken whatever their digests, so that the answers alone can tell."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setattr(places, "digest_of", lambda remote: ("sha256", ""))
    return tmp_path


def floats_of(model: bytes) -> list[tuple[int, int]]:
    """Where the matrices of a TFLite file are that it holds as 32-bit floats: first byte and number, largest first."""
    from ai_edge_litert import schema_py_generated as schema

    made = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    found = {}
    for tensor in (tensor for graph in made.subgraphs for tensor in graph.tensors):
        data = made.buffers[tensor.buffer].data
        is_matrix = tensor.type == schema.TensorType.FLOAT32 and tensor.shape is not None and len(tensor.shape) > 1
        if is_matrix and data is not None and np.any(data):
            found[model.index(bytes(data))] = len(data) // 4
    return sorted(found.items(), key=lambda place: -place[1])


def scaled(model: bytes) -> bytes:
    start, count = floats_of(model)[0]
    values = np.frombuffer(model, "<f4", count, start) * np.float32(1.01)
    return model[:start] + values.tobytes() + model[start + 4 * count :]


def swapped(model: bytes) -> bytes:
    places_of = floats_of(model)
    first, second = next((a, b) for a, b in pairwise(places_of) if a[1] == b[1])
    made, size = bytearray(model), 4 * first[1]
    one, other = (model[start : start + size] for start, _ in (first, second))
    made[first[0] : first[0] + size], made[second[0] : second[0] + size] = other, one
    return bytes(made)


@pytest.mark.parametrize(
    ("damaged", "damage"),
    [(ENCODER, scaled), (QUANTIZER, scaled), (DECODER, scaled), (ENCODER, swapped), (DECODER, swapped)],
    ids=lambda part: getattr(part, "path", getattr(part, "__name__", "")).rpartition("/")[2],
)
def test_lyra_of_other_weights_fails(shared: Path, any_file: Path, damaged: Any, damage: Any) -> None:
    for weight in (ENCODER, QUANTIZER, DECODER):
        content = (shared / weight.path).read_bytes()
        (any_file / weight.path).parent.mkdir(parents=True, exist_ok=True)
        (any_file / weight.path).write_bytes(damage(content) if weight is damaged else content)
    codec = Lyra()
    codec.load()
    assert Outcome.FAILED in outcomes(verified("codec:lyra", plugin=codec))


def test_lyra_gives_what_its_files_give_and_not_with_transposed_codebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Lyra()
    codec.load()
    assert outcomes(verified("codec:lyra", plugin=codec)) == {Outcome.PASSED}
    original = Lyra._encode

    def transposed(self: Lyra, samples: Any) -> Any:
        made = original(self, samples)
        return self.tokens([stream.codes for stream in made.streams][::-1])

    monkeypatch.setattr(Lyra, "_encode", transposed)
    assert Outcome.PASSED not in outcomes(verified("codec:lyra", plugin=codec))


@pytest.mark.parametrize("damage", ["scaled", "swapped"])
def test_nisqa_of_other_weights_fails(shared: Path, any_file: Path, damage: str) -> None:
    path = any_file / "models/nisqa/nisqa.tar"
    path.parent.mkdir(parents=True)
    checkpoint = torch.load(shared / "models/nisqa/nisqa.tar", map_location="cpu", weights_only=False)
    tensors = {n: t for n, t in checkpoint["model_state_dict"].items() if t.is_floating_point() and t.ndim > 1}
    first, second = next((a, b) for a in tensors for b in tensors if a < b and tensors[a].shape == tensors[b].shape)
    if damage == "scaled":
        tensors[first] *= 1.01
    else:
        kept = tensors[first].clone()
        tensors[first].copy_(tensors[second])
        tensors[second].copy_(kept)
    torch.save({"model_state_dict": checkpoint["model_state_dict"], "args": checkpoint["args"]}, path)
    assert Outcome.FAILED in outcomes(verified("metric:nisqa"))


def test_resemblyzer_of_other_weights_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = secs._library().VoiceEncoder("cpu", verbose=False)
    with torch.no_grad():
        encoder.lstm.weight_ih_l0 *= 1.01
    monkeypatch.setattr(secs, "_encoder", lambda: encoder)
    assert outcomes(verified("metric:secs")) == {Outcome.FAILED}


def test_dnsmos_of_other_weights_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from codec_bench.metrics import dnsmos
    from codec_bench.metrics.model import Packaged

    for file, name in ((dnsmos.P835, "dnsmos"), (dnsmos.P808, "dnsmos.p808")):
        published = dnsmos.in_speechmos(file).installed
        if published is None:
            pytest.skip("the files of speechmos are not installed")
        model = onnx.load(published)
        tensor = max(model.graph.initializer, key=lambda t: np.prod(t.dims))
        tensor.CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * np.float32(1.01), tensor.name)
        )
        onnx.save(model, tmp_path / published.name)
        free_models()
        damaged = tmp_path / published.name
        monkeypatch.setattr(Packaged, "installed", property(lambda self, damaged=damaged: damaged))
        assert Outcome.FAILED in outcomes(verified(f"metric:{name}"))
        monkeypatch.undo()


def test_another_file_than_the_published_one_is_a_failure(shared: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Whisper's weights are pinned: a scaled tensor may not change a transcript, but it changes the digest."""
    from codec_bench.verification import verify

    target = shutil.copytree(
        shared / "hf/Systran/faster-whisper-tiny.en", tmp_path / "hf/Systran/faster-whisper-tiny.en"
    )
    model = target / "model.bin"
    model.chmod(0o600)
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"{tmp_path}:{tmp_path / 'none'}")
    ((_, record),) = verify(target_of("metric:wer[whisper:tiny.en]"))
    assert record is not None
    assert outcomes(list(record.results)) == {Outcome.CANNOT_RUN}
    assert "another file: sha256" in record.results[0].found
