"""What plug-ins hold is asked of a process that codes, and decides who may find what they make."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codec_bench.adapters.systems import System, parse_systems
from codec_bench.coding.addresses import Addresses
from codec_bench.coding.local import local_dispatcher
from codec_bench.identity import new_invocation
from tests.command import Cli

torch = pytest.importorskip("torch")

SOURCE = '''
import torch
from codec_bench.adapters import Codec, CodecSpec, Group
from codec_bench.adapters.torch_codec import TorchCodec
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook


class Network(Codec):
    """Reads a checkpoint by itself, from a place that its source does not name."""

    name = "network"
    spec = CodecSpec("N", Group.ACOUSTIC, 16_000, 16_000, (Codebook(256, hop=1),))
    checkpoint = __file__.replace("networks.py", "net") + ".pt"

    def load(self, device="cpu"):
        self.net = torch.nn.Linear(4, 4)
        self.net.load_state_dict(torch.load(self.checkpoint, weights_only=True))

    def _encode(self, samples):
        raise NotImplementedError

    def _decode(self, code):
        raise NotImplementedError


class Empty(Network):
    """Holds no parameters."""

    name = "empty"

    def load(self, device="cpu"):
        self.gain = 1.0


class Missing(Network):
    name = "missing"
    checkpoint = "nowhere.pt"


class Fetched(TorchCodec):
    name = "fetched"
    spec = CodecSpec("F", Group.ACOUSTIC, 16_000, 16_000, (Codebook(256, hop=1),), weights=(RemoteFile("net.pt"),))

    def _load(self, folder):
        net = torch.nn.Linear(4, 5)
        net.load_state_dict(torch.load(folder / "net.pt", weights_only=True))
        return net

    _codes = _samples = lambda self, _: None
'''


def write_weights(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    torch.save(torch.nn.Linear(4, 4).state_dict(), folder / "net.pt")


def identified(cache: Path, name: str) -> tuple[System, list[str], str]:
    """A system that a new invocation asks for, the warnings, and where it would keep a code."""
    new_invocation()
    (system,) = parse_systems([f"networks:{name}"])
    coding = local_dispatcher(cache, "cpu")
    warnings = coding.identify([system])
    coding.close()
    return system, warnings, Addresses().audio(system, "recording")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "networks.py").write_text(SOURCE)
    write_weights(tmp_path, 1)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.mark.long
def test_the_numbers_of_a_network_are_part_of_the_address(folder: Path):
    _, warnings, first = identified(folder, "Network")
    assert warnings == []
    shutil.copy(folder / "net.pt", folder / "copy.pt")
    shutil.copy(folder / "copy.pt", folder / "net.pt")  # touched
    assert identified(folder, "Network")[2] == first
    write_weights(folder, 2)
    system, _, other = identified(folder, "Network")
    assert other != first
    assert system.source.plug_in.parameters == 20  # type: ignore[union-attr]


@pytest.mark.long
def test_without_parameters_each_invocation_has_its_own_address(folder: Path):
    _, (warning,), first = identified(folder, "Empty")
    assert warning.startswith("empty: this codec's files are not known: results are kept for this run only")
    assert identified(folder, "Empty")[2] != first


@pytest.mark.long
def test_what_cannot_be_loaded_is_given_up_before_anything_is_coded(folder: Path):
    new_invocation()
    (system,) = parse_systems(["networks:Missing"])
    coding = local_dispatcher(folder, "cpu")
    assert coding.identify([system]) == []
    outcome = coding._given_up["missing"]
    assert outcome.reason.startswith("missing cannot be loaded: FileNotFoundError")
    assert "networks.py:" in outcome.reason
    assert "Traceback" in outcome.trace
    coding.close()


@pytest.mark.long
def test_a_checkpoint_that_does_not_fit_ends_a_run_before_its_first_utterance(tmp_path: Path, cli: Cli):
    (tmp_path / "fetched.py").write_text(SOURCE)
    write_weights(tmp_path, 1)
    run = ("run", "--codec", "fetched:Fetched", "--dataset", "demo", "--limit", "1", "--metrics", "si_sdr")
    done = cli(*run, "--checkpoint", "net.pt", "--out", "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        "codec-bench: --checkpoint net.pt does not fit fetched: fetched cannot be loaded: RuntimeError"
    )
    assert "fetched.py:" in done.stderr and not (tmp_path / "out").exists()
