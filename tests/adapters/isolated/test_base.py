"""Codecs in environments of their own: what goes wrong there costs the utterance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import codec_bench
from codec_bench.adapters import CODECS
from codec_bench.adapters.isolated.base import MAX_CRASHES, IsolatedCodec
from codec_bench.adapters.replaceable import TakesCheckpoint
from codec_bench.adapters.spec import CodecSpec
from codec_bench.audio import Audio, read_audio
from codec_bench.environments import Environment, virtual
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Bitstream
from tests.processes.material import archive, wheel
from tests.processes.toy_codec import SOURCE, TREE, ToyCodec

pytestmark = pytest.mark.usefixtures("cold_workers")

DEMO = Path(codec_bench.__file__).parent / "datasets" / "demo" / "audio"
WEIGHTS = (RemoteFile("hf/org/one/sub/x.pt"), RemoteFile("hf/org/two/sub/x.pt"), RemoteFile("models/toy/y.npy"))


class Small(ToyCodec):
    """The toy in an environment that has nothing of its own, made in no time."""

    name = "small"
    environment = Environment("small", inherits=True)


class Weighted(Small):
    name = "weighted"

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        spec = super().mode_spec(mode)
        return CodecSpec(spec.title, spec.group, 16_000, 16_000, spec.codebooks, weights=WEIGHTS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder))
        Small.environment.create()
    return folder


@pytest.fixture
def made(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., IsolatedCodec]]:
    """Loads a codec."""
    monkeypatch.setenv("CODEC_BENCH_HOME", str(home))
    loaded: list[IsolatedCodec] = []

    def make(cls: type[IsolatedCodec] = Small, mode: str | None = None) -> IsolatedCodec:
        loaded.append(cls(mode))
        loaded[-1].load()
        return loaded[-1]

    yield make
    for codec in loaded:
        codec.close()


def audio(first: float) -> Audio:
    samples = np.sin(np.arange(1600) / 20).astype(np.float32)
    samples[0] = first
    return Audio(samples, 16_000)


def test_it_is_a_codec_like_others(made: Callable[..., IsolatedCodec]):
    speech = Audio(read_audio(DEMO / "rms-01.flac").samples[:16_000], 16_000)
    codec = made()
    code = codec.encode(speech)
    assert (code.bits, code.seconds) == (8 * 16_000, 1.0)
    np.testing.assert_allclose(codec.decode(code).samples, speech.samples, atol=0.5 / 127 + 1e-6)
    again = codec.encode(speech)
    np.testing.assert_array_equal(code.streams[0].codes, again.streams[0].codes)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (0.4, "^RuntimeError: no such luck$"),
        (0.7, r"^codebook 1 of small has codes in \[0, 256\], not in \[0, 256\)$"),
        (0.74, r"^codebook 1 of small has codes in \[-1, 0\], not in \[0, 256\)$"),
        (0.71, r"^codebook 1 of small is float32 \[3\], not integers \[frames\]$"),
        (0.72, r"^codebook 1 of small is int64 \[1, 3\], not integers \[frames\]$"),
        (0.73, "^the worker of small sent 2 codebooks, not 1$"),
        (0.75, "^ProtocolError: array book_0 is <U4$"),
        (0.2, r"^the process ended with status 3: about to die of sample 0\.20$"),
    ],
)
def test_what_goes_wrong_costs_one_recording(made: Callable[..., IsolatedCodec], first: float, message: str):
    codec = made()
    with pytest.raises(CodecError, match=message):
        codec.encode(audio(first))
    assert codec.encode(audio(0.0)).bits == 8 * 1600


def test_a_decoder_that_gives_no_samples_is_an_error(made: Callable[..., IsolatedCodec]):
    codec = made()
    code = codec.encode(audio(0.76))
    assert code.bits == 8 * 1600 + 2 * 8 * 32  # the side information, which no codec packed
    with pytest.raises(CodecError, match=r"^the worker of small decoded to float32 \[2, 8\], not to floats \[n\]$"):
        codec.decode(code)
    with pytest.raises(CodecError, match="decodes tokens"):
        codec.decode(Bitstream((), 0, 0.1, 1600, 16_000))


def test_it_hangs_only_so_long(made: Callable[..., IsolatedCodec], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Small, "call_timeout", 0.5)
    codec = made()
    with pytest.raises(CodecError, match=r"^the process gave no reply within 0\.5 s: thinking$"):
        codec.encode(audio(0.3))
    monkeypatch.setattr(Small, "call_timeout", 20.0)
    assert codec.encode(audio(0.0)).bits == 8 * 1600


def test_after_crashes_in_a_row_it_is_not_started_again(made: Callable[..., IsolatedCodec]):
    codec = made()
    for _ in range(MAX_CRASHES - 1):
        with pytest.raises(CodecError, match="SIGKILL"):
            codec.encode(audio(0.1))
    assert codec.encode(audio(0.0)).bits  # not in a row
    for _ in range(MAX_CRASHES):
        with pytest.raises(CodecError, match="SIGKILL"):
            codec.encode(audio(0.1))
    with pytest.raises(
        CodecError, match=r"^small died 3 times in a row and is not started again; the last time .*SIGKI"
    ):
        codec.encode(audio(0.0))
    codec.load()
    assert codec.encode(audio(0.0)).bits


def test_one_that_cannot_be_loaded_again_is_not_tried_for_ever(made: Callable[..., IsolatedCodec], tmp_path: Path):
    codec = made(mode=f"once:{tmp_path / 'loaded'}")
    for message in ("status 3", "cannot be loaded again: RuntimeError: loaded before", "loaded before", "3 times"):
        with pytest.raises(CodecError, match=message):
            codec.encode(audio(0.2))


def test_one_that_is_killed_while_it_loads_is_started_once_more(made: Callable[..., IsolatedCodec], tmp_path: Path):
    codec = made(mode=f"killed-once:{tmp_path / 'first'}")
    assert (tmp_path / "first").exists()
    assert codec.encode(audio(0.0)).bits


@pytest.mark.parametrize(
    ("mode", "message"),
    [("import", "No module named 'a_package_that_nobody_has'"), ("die", "ended with status 5: dying while loading")],
)
def test_one_that_cannot_be_loaded_says_why(made: Callable[..., IsolatedCodec], mode: str, message: str):
    with pytest.raises(UnavailableError, match=f"^small cannot be loaded in the environment small: .*{message}"):
        made(mode=mode)


def test_without_its_environment_it_says_what_makes_it():
    spelling = f"codec:{Small.__module__}:Small"
    assert Small.unavailable() == (
        f"its environment small is missing: codec-bench env create {spelling} creates it"
    )  # fmt: skip
    with pytest.raises(UnavailableError, match="small cannot run: its environment small is missing"):
        Small().load()


def test_the_fingerprint_knows_the_environment_and_the_worker(
    made: Callable[..., IsolatedCodec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = made().fingerprint
    assert Small().fingerprint == first
    monkeypatch.setattr(Small, "environment", Environment("small", without_dependencies=("x",), inherits=True))
    assert Small().fingerprint != first
    monkeypatch.undo()
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path))  # not installed there
    assert Small().fingerprint != first
    worker = tmp_path / "worker.py"
    worker.write_text("")
    second = Small().fingerprint
    monkeypatch.setattr(Small, "worker", worker)
    assert Small().fingerprint != second


def test_weights_reach_the_worker_under_their_names(
    made: Callable[..., IsolatedCodec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for weight in WEIGHTS:
        path = tmp_path / "mirror" / weight.path
        path.parent.mkdir(parents=True)
        path.write_text(weight.path)
    checkpoint = tmp_path / "checkpoint" / "hf/org/two/sub/x.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("mine")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "mirror"))
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import json\nfrom pathlib import Path\n"
        "def load(job):\n    texts = {name: Path(path).read_text() for name, path in job.files.items()}\n"
        "    texts['folder'] = (Path(job.folder('org/two')) / 'sub/x.pt').read_text()\n"
        "    raise RuntimeError(json.dumps(texts))\n"
    )
    monkeypatch.setattr(Weighted, "worker", worker)
    published = '"hf/org/one/sub/x.pt": "hf/org/one/sub/x.pt", "hf/org/two/sub/x.pt": "{}", "y.npy": "models/toy/y.npy"'
    with pytest.raises(UnavailableError) as caught:
        made(Weighted)
    assert published.format("hf/org/two/sub/x.pt") in str(caught.value)
    codec = Weighted()
    first = codec.fingerprint
    codec.use_checkpoint(tmp_path / "checkpoint")
    assert codec.fingerprint != first
    assert [w.path for w in codec.needed_weights()] == ["hf/org/one/sub/x.pt", "models/toy/y.npy"]
    with pytest.raises(UnavailableError) as caught:
        codec.load()
    assert published.format("mine") + ', "folder": "mine"' in str(caught.value)


def test_a_run_goes_on_when_an_utterance_kills_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The whole way: a package whose version is not ours, a source, a worker process, the scores of a run."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.setattr(virtual, "_uv", lambda: None)
    wheel(tmp_path / "mirror/wheels", "jiwer", "0.0.1", "")
    archive(tmp_path / "mirror", SOURCE, TREE)
    samples = read_audio(DEMO / "slt-02.flac").samples.copy()
    samples[0] = 0.2
    soundfile.write(tmp_path / "deadly.wav", samples, 16_000, subtype="FLOAT")
    rows = [("one", DEMO / "rms-01.flac"), ("deadly", tmp_path / "deadly.wav"), ("two", DEMO / "slt-02.flac")]
    pd.DataFrame(rows, columns=["id", "path"]).to_csv(tmp_path / "three.tsv", sep="\t", index=False)
    name = "tests.processes.toy_codec:ToyCodec"
    options = {"metrics": ["si_sdr"], "jobs": 1, "report": False, "ground_truth": False, "out": tmp_path / "out"}
    with pytest.raises(UnavailableError, match=f"codec-bench env create codec:{name} creates it"):
        codec_bench.run(name, str(tmp_path / "three.tsv"), **options)
    ToyCodec.environment.create()
    run = codec_bench.run(name, str(tmp_path / "three.tsv"), max_failed=0.5, **options)
    scores = pd.read_parquet(tmp_path / "out" / "scores.parquet").set_index("utterance")
    assert dict(scores["status"]) == {"one": "ok", "deadly": "encode_failed", "two": "ok"}
    assert "ended with status 3: about to die of sample 0.20" in scores.loc["deadly", "reason"]
    assert scores.loc["two", "value"] > 20  # 8-bit steps
    assert run.failures == []


def test_what_is_registered_is_well_formed():
    for name in CODECS.names():
        cls = CODECS.get(name)
        if issubclass(cls, IsolatedCodec):
            assert cls.worker.is_file(), name
            assert isinstance(cls(cls.modes[0] if cls.modes else None), TakesCheckpoint)
