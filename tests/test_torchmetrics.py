"""Metrics in training loops: torchmetrics, two processes, Lightning, accelerate."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import codec_bench
from codec_bench.errors import UsageError
from codec_bench.metrics import METRICS
from codec_bench.torchmetrics import CodecMetric, collection
from tests.conftest import ROOT
from tests.test_docs import fences

RATE = 16_000
PAGE = ROOT / "docs" / "python.md"


@pytest.fixture(scope="module")
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Five recordings of 1.5 s and the same with noise, `[5, 1, n]`."""
    utterances = list(codec_bench.load_dataset("demo").utterances())[::5][:5]
    clean = torch.stack([torch.from_numpy(codec_bench.read_audio(u.path).samples[4800:28_800]) for u in utterances])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return clean[:, None], (clean + 0.01 * noise)[:, None]


@pytest.mark.as_user
@pytest.mark.parametrize("name", ["stoi", "gpe", "lsd"])
def test_batches_are_pooled_as_a_run_pools_utterances(batch: tuple[torch.Tensor, torch.Tensor], name: str):
    clean, noisy = batch
    made = CodecMetric(name, RATE)
    for target, decoded in zip(clean.split(2), noisy.split(2), strict=True):
        made.update(decoded.requires_grad_(), target)
    whole = codec_bench.evaluate(clean, noisy, RATE, [name])
    assert float(made.compute()) == pytest.approx(whole[name], rel=1e-6)
    assert made.coverage == (5, 5)
    assert made.higher_is_better is (name == "stoi")
    made.reset()
    assert made.coverage == (0, 0)
    assert np.isnan(float(made.compute()))


def test_copies_for_other_processes_go_on(batch: tuple[torch.Tensor, torch.Tensor]):
    clean, noisy = batch
    made = CodecMetric("si_sdr", RATE)
    made.update(noisy[:3], clean[:3])
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made.clone()):
        other.update(noisy[3:], clean[3:])
        value = codec_bench.evaluate(clean, noisy, RATE, ["si_sdr"])["si_sdr"]
        assert float(other.compute()) == pytest.approx(value, rel=1e-6)


def test_items_without_a_value_are_warned_of(batch: tuple[torch.Tensor, torch.Tensor]):
    clean, noisy = batch
    silent = noisy.clone()
    silent[2] = 0
    made = CodecMetric("stoi", RATE)
    made.update(silent, clean)
    with pytest.warns(UserWarning, match="1 of 5 items have no value: the decoded signal is silent"):
        made.compute()


def test_several_at_once_have_their_labels(batch: tuple[torch.Tensor, torch.Tensor]):
    clean, noisy = batch
    found = collection(["stoi", "gpe", "si_sdr"], RATE, prefix="val/")
    found.update(noisy, clean)
    assert sorted(found.compute()) == ["val/gpe", "val/si_sdr", "val/stoi"]
    with pytest.raises(UsageError, match="did you mean 'stoi'"):
        CodecMetric("stoy", RATE)
    with pytest.raises(UsageError, match="list of names"):
        collection("stoi", RATE)


@pytest.mark.as_user
def test_each_metric_that_runs_here_can_be_one():
    for name in METRICS.names():
        made = codec_bench.metric(name)
        if made.unavailable() is None and not made.weights:
            assert CodecMetric(name, RATE).label == name


@pytest.mark.as_user
@pytest.mark.slow
def test_two_processes_give_what_one_gives(batch: tuple[torch.Tensor, torch.Tensor], tmp_path: Path):
    """Unequal parts, an item without a value among them, over gloo."""
    clean, noisy = batch
    noisy = noisy.clone()
    noisy[4] = 0
    torch.save({"clean": clean, "noisy": noisy}, tmp_path / "batch.pt")
    program = Path(__file__).with_name("two_processes.py")
    started = [
        subprocess.Popen([sys.executable, str(program), str(tmp_path), str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    texts = [process.communicate(timeout=500)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    found = codec_bench.evaluate(clean, noisy, RATE, ["stoi", "gpe"])
    for text in texts:
        stoi, gpe = map(float, text.split())
        assert stoi == pytest.approx(found["stoi"], rel=1e-6)
        assert gpe == pytest.approx(found["gpe"], rel=1e-6)


@pytest.mark.as_user
@pytest.mark.slow  # Lightning takes seconds to import, and the callback makes a run
@pytest.mark.parametrize(("place", "package"), [(0, "pytorch_lightning"), (1, "accelerate")])
def test_examples_of_the_page_train_on_the_cpu(
    place: int, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    (program,) = fences(PAGE, "py")[place : place + 1]
    (tmp_path / "loop.py").write_text(fences(PAGE, "python")[-1] + program)
    done = subprocess.run([sys.executable, "loop.py"], check=False, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert "stoi" in done.stdout
