"""What workers share, each time in a fresh interpreter: it changes what `import` finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from codec_bench.processes import process

SUPPORT = process.SERVE.with_name("support.py")


def python(code: str, *arguments: str) -> str:
    """Runs code with `support` loaded as a worker has it."""
    start = (
        "import importlib.util as u, sys\n"
        f"spec = u.spec_from_file_location('codec_bench_support', {str(SUPPORT)!r})\n"
        "support = sys.modules['codec_bench_support'] = u.module_from_spec(spec)\n"
        "spec.loader.exec_module(support)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", start + code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_source_comes_before_packages(tmp_path: Path):
    (tmp_path / "json.py").write_text("place = 'the source'\n")
    code = "support.add_source(sys.argv[1]); support.add_source(sys.argv[1])\n"
    code += "import json; print(json.place, sys.path.count(sys.argv[1]))"
    assert python(code, str(tmp_path)) == "the source 1"


def test_stubbed_modules_take_part_in_what_training_code_does():
    code = """
support.stub("pytorch_lightning", "nowhere.below.torchmetrics", version="7")
support.stub("logging.nothing", "base64")
import pytorch_lightning as pl, base64, logging
from pytorch_lightning.callbacks.progress import Bar, rank_zero_only
from nowhere.below import torchmetrics
import nowhere.below.torchmetrics.functional as F

class Model(pl.LightningModule, Bar):
    @rank_zero_only
    def f(self): return 5

class Half(pl.LightningModule, dict): pass

with pl.seed_everything(3) as context: pass
print(Model(1, a=2).f(), Half(a=1)["a"], torchmetrics.version, pl.version, F.snr(1, 2).x is not None)
print(logging.getLogger("x").name, logging.nothing.version if hasattr(logging.nothing, "__file__") else "no file")
print(base64.b64encode(b"x") == b"eA==")
try:
    import elsewhere
except ModuleNotFoundError:
    print("others are missed")
"""
    assert python(code).splitlines() == ["5 1 7 7 True", "x no file", "False", "others are missed"]


def test_attributes_can_be_real():
    code = """
class Base: mark = "real"
support.stub("pytorch_lightning", LightningModule=Base)
import pytorch_lightning
class Model(pytorch_lightning.LightningModule): pass
print(Model.mark)
"""
    assert python(code) == "real"


@pytest.mark.long
def test_a_checkpoint_is_read_and_runs_nothing(tmp_path: Path):
    code = """
import torch
class Trap:
    def __reduce__(self): return (print, ("trapped",))
for extra in (1, Trap()):
    torch.save({"x": torch.arange(3.0), "y": extra}, sys.argv[1])
    try:
        print(support.load_state(sys.argv[1])["x"].sum().item())
    except Exception as error:
        print(type(error).__name__)
"""
    assert python(code, str(tmp_path / "x.pt")).splitlines() == ["3.0", "UnpicklingError"]


@pytest.mark.long
def test_a_seed_reaches_all_generators_that_are_there():
    code = """
import random, numpy as np
support.seed(3)
print("torch" in sys.modules, random.random(), np.random.rand())
import torch
support.seed(3); first = torch.rand(1).item()
torch.manual_seed(3); print(first == torch.rand(1).item())
random.seed(3); np.random.seed(3); print(random.random(), np.random.rand())
"""
    first, same, numbers = python(code).splitlines()
    assert first == f"False {numbers}"
    assert same == "True"
