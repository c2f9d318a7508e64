"""NeMo: through its environment and in our process with a stand-in, and a real small model where NeMo is at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import home
from codec_bench.metrics import metric
from codec_bench.metrics.asr import Recogniser, backend, default_backend
from codec_bench.metrics.asr_nemo import DEFAULT, ENVIRONMENT, nemo_backend
from codec_bench.metrics.model import free_models, run_model

pytestmark = pytest.mark.long

STAND_IN = """
import json, os, sys
from types import SimpleNamespace
class ASRModel:
    @classmethod
    def restore_from(cls, path, map_location=None):
        made = cls()
        with open(path) as file:
            made.cfg = SimpleNamespace(**json.load(file))
        made.forced = os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"]
        made.device = map_location
        return made
    def to(self, device):
        assert device == self.device
        return self
    def eval(self):
        return self
    def transcribe(self, audio, batch_size, num_workers, verbose):
        assert (batch_size, num_workers, verbose) == (len(audio), 0, False)
        if any(a[0] == 0.25 for a in audio):
            os._exit(3)
        if any(a[0] == 0.75 for a in audio):
            raise RuntimeError("out of luck")
        process = "ours" if "pytest" in sys.modules else "theirs"
        found = [SimpleNamespace(text=f" {process} {self.device} {self.forced} {len(a)} {a.dtype} ") for a in audio]
        return (found, found) if getattr(self.cfg, "is_old", False) else found
"""


def sound(samples: int, first: float = 0.5) -> Audio:
    return Audio(np.concatenate([[first], np.full(samples - 1, 0.5)]).astype(np.float32), 16_000)


def model_file(folder: Path, **facts: object) -> Path:
    path = folder / "stt_de_small.nemo"
    path.write_text(json.dumps({"sample_rate": 16_000, **facts}))
    return path


def texts(recogniser: Recogniser, *audios: Audio) -> list[str]:
    return [str(found.item()) for found in run_model(recogniser.model, audios, "cpu")]  # type: ignore[union-attr]


def make_ready(venv: Path) -> None:
    """Makes what `ENVIRONMENT` takes for itself out of a virtual environment."""
    ENVIRONMENT.folder.mkdir(parents=True)
    (ENVIRONMENT.folder / "venv").symlink_to(venv)
    packages = {"nemo-toolkit": "9.9", "torch": "8.8"}
    record = {"fingerprint": ENVIRONMENT.fingerprint, "python": "3.11", "packages": packages, "sources": {}}
    (ENVIRONMENT.folder / "environment.json").write_text(json.dumps(record))
    assert ENVIRONMENT.is_ready


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package that looks like NeMo."""
    folder = tmp_path_factory.mktemp("site")
    models = folder / "nemo" / "collections" / "asr" / "models"
    models.mkdir(parents=True)
    (models / "__init__.py").write_text(STAND_IN)
    return folder


@pytest.fixture(scope="module")
def venv(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has it, and what we have."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "other.pth").write_text(f"{package}\n{sysconfig.get_paths()['purelib']}\n")
    return folder


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    backend.cache_clear()
    yield
    backend.cache_clear()
    free_models()


def test_the_default_is_the_model_of_the_papers_group() -> None:
    made = nemo_backend("")
    assert [w.path for w in made.model.weights] == [f"hf/{DEFAULT}/stt_en_fastconformer_transducer_large.nemo"]
    assert (made.label, made.languages, made.expensive) == ("nemo", ("en",), True)
    assert made.model.is_heavy and made.model.licence == "CC-BY-4.0"
    same = nemo_backend("stt_en_fastconformer_transducer_large")
    assert same.fingerprint == made.fingerprint and same.label == "nemo:stt_en_fastconformer_transducer_large"


@pytest.mark.parametrize(
    ("name", "path", "languages"),
    [
        ("stt_zh_citrinet_512", "hf/nvidia/stt_zh_citrinet_512/stt_zh_citrinet_512.nemo", ("zh",)),
        ("nvidia/parakeet-tdt-0.6b-v3", "hf/nvidia/parakeet-tdt-0.6b-v3/parakeet-tdt-0.6b-v3.nemo", ()),
    ],
)
def test_names(name: str, path: str, languages: tuple[str, ...]) -> None:
    made = nemo_backend(name)
    assert ([w.path for w in made.model.weights], made.languages) == ([path], languages)
    assert made.fingerprint != nemo_backend("").fingerprint


@pytest.mark.parametrize("name", ["a/b/c", "../x", "a b"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="not a NeMo model"):
        nemo_backend(name)
    with pytest.raises(UsageError, match="does not exist"):
        nemo_backend("/nowhere/x.nemo")


def test_without_nemo_one_command_is_named() -> None:
    made = metric("wer[nemo]")
    reason = "its environment nemo is missing: codec-bench env create nemo creates it"
    assert made.unsupported() == made.unavailable() == reason
    with pytest.raises(UnavailableError, match="codec-bench env create nemo"):
        run_model(nemo_backend("").model, [sound(100)], "cpu")
    assert nemo_backend.environment is ENVIRONMENT


def test_with_nemo_the_weights_are_asked_for(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODEC_BENCH_ASR")
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    make_ready(venv)
    made = metric("wer[nemo]")
    assert made.unsupported() is None
    assert "codec-bench fetch metric:wer[nemo]" in (made.unavailable() or "")
    assert default_backend()[0] == "pocketsphinx"
    weight = home() / nemo_backend("").model.weights[0].path
    weight.parent.mkdir(parents=True)
    weight.write_bytes(b"weights")
    assert default_backend() == ("nemo", "")


def test_in_its_environment(venv: Path, tmp_path: Path) -> None:
    make_ready(venv)
    recogniser = nemo_backend(str(model_file(tmp_path)))
    assert recogniser.languages == ("de",)
    heard = texts(recogniser, sound(300), Audio(np.zeros(200, np.float32), 16_000), sound(100))
    assert heard == ["theirs cpu 1 300 float32", "", "theirs cpu 1 100 float32"]
    assert recogniser.function(sound(300)).item() == heard[0]


def test_a_process_that_dies_costs_its_signals_only(venv: Path, tmp_path: Path) -> None:
    make_ready(venv)
    recogniser = nemo_backend(str(model_file(tmp_path)))
    with pytest.raises(Exception, match="ended with status 3"):
        texts(recogniser, sound(50, 0.25))
    with pytest.raises(Exception, match="RuntimeError: out of luck"):
        texts(recogniser, sound(50, 0.75))
    assert texts(recogniser, sound(50)) == ["theirs cpu 1 50 float32"]


def test_in_our_process(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(package)
    try:
        recogniser = nemo_backend(str(model_file(tmp_path, is_old=True)))
        assert recogniser.model.unsupported() is None
        assert texts(recogniser, sound(30), sound(20)) == ["ours cpu 1 30 float32", "ours cpu 1 20 float32"]
        assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "nemo"]:
            del sys.modules[name]


def test_a_model_of_another_rate_is_refused(venv: Path, tmp_path: Path) -> None:
    make_ready(venv)
    path = model_file(tmp_path, sample_rate=8000)
    with pytest.raises(UnavailableError, match="takes 8000 Hz, not 16000"):
        texts(nemo_backend(str(path)), sound(100))


def test_addresses_know_the_file_and_the_versions_but_not_the_place(venv: Path, tmp_path: Path) -> None:
    places = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for place in places:
        place.mkdir()
    one, moved = (nemo_backend(str(model_file(place))) for place in places[:2])
    other = nemo_backend(str(model_file(places[2], other=1)))
    assert one.fingerprint == moved.fingerprint != other.fingerprint
    before = one.fingerprint
    make_ready(venv)
    assert one.model.versions() == {"nemo_toolkit": "9.9", "torch": "8.8"}
    assert one.fingerprint != before


BUILD = """
import json, sys, torch
from omegaconf import OmegaConf
from nemo.collections.asr.models import EncDecRNNTModel
torch.manual_seed(0)
labels, size, modules = list(" abcdefghijklmnopqrstuvwxyz'"), 16, "nemo.collections.asr.modules."
made = EncDecRNNTModel(cfg=OmegaConf.create({
    "sample_rate": 16000, "labels": labels, "train_ds": None, "validation_ds": None,
    "model_defaults": {"enc_hidden": size, "pred_hidden": size, "joint_hidden": size},
    "preprocessor": {"_target_": modules + "AudioToMelSpectrogramPreprocessor", "features": 40, "n_fft": 512},
    "encoder": {"_target_": modules + "ConformerEncoder", "feat_in": 40, "n_layers": 1, "d_model": size, "n_heads": 2,
                "subsampling": "dw_striding", "subsampling_factor": 8, "subsampling_conv_channels": 8,
                "conv_kernel_size": 9},
    "decoder": {"_target_": modules + "RNNTDecoder", "vocab_size": len(labels), "normalization_mode": None,
                "prednet": {"pred_hidden": size, "pred_rnn_layers": 1}},
    "joint": {"_target_": modules + "RNNTJoint", "num_classes": len(labels), "vocabulary": labels,
              "jointnet": {"joint_hidden": size, "activation": "relu", "encoder_hidden": size, "pred_hidden": size}},
    "decoding": {"strategy": "greedy_batch", "greedy": {"max_symbols": 2}}, "loss": {"loss_name": "default"},
}))
with torch.no_grad():
    for tensor in made.parameters():
        tensor.mul_(2)
made.save_to(sys.argv[1])
made.eval()
print("HEARD" + json.dumps([made.transcribe([path], batch_size=1, verbose=False)[0].text for path in sys.argv[2:]]))
"""


@pytest.mark.slow
def test_a_real_model_of_nemo(shared: Path, tmp_path: Path) -> None:
    """`CODEC_BENCH_TEST_NEMO` names a virtual environment with nemo_toolkit[asr]."""
    if not os.environ.get("CODEC_BENCH_TEST_NEMO"):
        pytest.skip("CODEC_BENCH_TEST_NEMO names no virtual environment with NeMo")
    venv = Path(os.environ["CODEC_BENCH_TEST_NEMO"])
    files = sorted((shared / "data" / "testB_pairs" / "GT").glob("*.flac"))[:3]
    model = tmp_path / "small.nemo"
    command = [str(venv / "bin" / "python"), "-c", BUILD, str(model), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = json.loads(done.stdout.partition("HEARD")[2])
    assert all(len(text) > 5 for text in expected) and len(set(expected)) == 3
    make_ready(venv)
    recogniser = nemo_backend(str(model))
    audios = [read_audio(file) for file in files]
    assert texts(recogniser, *audios) == [text.strip() for text in expected]
    assert [texts(recogniser, audio)[0] for audio in audios] == [text.strip() for text in expected]
    assert isinstance(texts(recogniser, sound(1))[0], str)
