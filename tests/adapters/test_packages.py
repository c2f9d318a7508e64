"""Whether packages run here is found out without importing them, and their files hold tensors and nothing else."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from codec_bench.adapters.packages import check_config, importing, load_state, read_state
from codec_bench.errors import UnavailableError
from codec_bench.extras import CPU_WHEELS, cannot_import

SCRIPT = Path(__file__).resolve().parents[2] / "codec_bench/environments/torchaudio_without_cuda.py"
LINKED = b"\x7fELF libtorch_cuda.so\0libc10_cuda.so\0"

without_cuda = pytest.mark.skipif(torch.version.cuda is not None, reason="this torch has CUDA")


def python(*arguments: str, path: Path | None = None) -> str:
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a torchaudio that is linked with CUDA, but for one library."""
    libraries = tmp_path / "torchaudio/lib"
    libraries.mkdir(parents=True)
    (tmp_path / "torchaudio/__init__.py").write_text("raise OSError('libc10_cuda.so: no such file')")
    (libraries / "_torchaudio.abi3.so").write_bytes(LINKED)
    (libraries / "other.so").write_bytes(b"\x7fELF libc.so.6\0")
    return tmp_path


def test_listing_the_codecs_imports_neither_torch_nor_the_packages():
    code = """if True:
        import sys
        from codec_bench.adapters.s3tokenizer import S3TokenizerV1, S3TokenizerV3
        from codec_bench.adapters.snac import Snac
        from codec_bench.adapters.speechtokenizer import SpeechTokenizer
        from codec_bench.adapters.vocos import VocosEncodec
        for cls in (Snac, VocosEncodec, SpeechTokenizer, S3TokenizerV1, S3TokenizerV3):
            cls.unavailable()
            cls().spec.bitrate()
        heavy = {"torch", "torchaudio", "onnx", "snac", "vocos", "encodec", "speechtokenizer", "s3tokenizer"}
        print(heavy & set(sys.modules))
    """
    assert python("-c", code).strip() == "set()"


def test_what_is_not_installed_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "snac", None)
    assert cannot_import(("snac", "torch"), "snac") == "snac is not installed: pip install 'codec-bench[snac]'"


@without_cuda
def test_the_command_takes_torchaudio_for_this_torch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "vocos", None)
    monkeypatch.setitem(sys.modules, "encodec", None)
    wanted = f"vocos, encodec are not installed: pip install 'codec-bench[vocos]' --extra-index-url {CPU_WHEELS}"
    assert cannot_import(("vocos", "encodec", "torchaudio"), "vocos") == wanted


@pytest.mark.long
@without_cuda
def test_a_torchaudio_for_cuda_is_told_until_the_script_has_run(site: Path):
    code = "from codec_bench.extras import cannot_import; print(cannot_import(('torchaudio',), 'vocos'))"
    before = python("-c", code, path=site).splitlines()
    assert len(before) == 1
    assert "libc10_cuda.so" in before[0]
    assert "pip install --force-reinstall --no-deps torchaudio" in before[0]
    assert python(str(SCRIPT), path=site).count("removed") == 1
    assert [file.name for file in (site / "torchaudio/lib").iterdir()] == ["other.so"]
    assert python("-c", code, path=site) == "None\n"
    assert python(str(SCRIPT), path=site) == ""


def test_a_failing_import_is_one_line():
    with (
        pytest.raises(UnavailableError, match=r"^thing is installed, but cannot be imported: first$"),
        importing("thing"),
    ):
        raise OSError("first\nsecond")


def test_only_tensors_are_read(tmp_path: Path):
    class Command:
        def __reduce__(self):
            return os.system, ("touch /tmp/never",)

    (tmp_path / "pickled.bin").write_bytes(pickle.dumps({"weight": Command()}))
    torch.save({"weight": Command()}, tmp_path / "saved.bin")
    torch.save([torch.zeros(1)], tmp_path / "list.bin")
    (tmp_path / "text.bin").write_text("no weights")
    for name in ("pickled.bin", "saved.bin", "list.bin", "text.bin"):
        with pytest.raises(UnavailableError, match=f"^{name} is not a file of tensors") as caught:
            read_state(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_tensors_of_another_model_are_refused_in_one_line():
    model = torch.nn.Linear(2, 2)
    good = model.state_dict()
    load_state(model, good, "file.pt")
    for bad in ({}, {**good, "more": torch.zeros(1)}, {**good, "bias": torch.zeros(3)}):
        with pytest.raises(UnavailableError, match=r"^file\.pt does not fit the model: .*(key|shape|size)") as caught:
            load_state(model, bad, "file.pt")
        assert "\n" not in str(caught.value)


def test_a_configuration_of_another_model_is_refused():
    check_config("config.json", {"hop": 320, "more": 1}, {"hop": 320})
    with pytest.raises(UnavailableError, match=r"^config\.json belongs to another model: its hop is None, not 320$"):
        check_config("config.json", {}, {"hop": 320})
