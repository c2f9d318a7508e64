"""The command that this project exists for, on the authors' architecture with small stand-in weights."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from codec_bench.files import file_digest
from tests.command import Cli

REPOSITORY = "meituan-longcat/LongCat-Audio-Codec"
ENCODER, CMVN = "LongCatAudioCodec_encoder.pt", "LongCatAudioCodec_encoder_cmvn.npy"
DECODER = "LongCatAudioCodec_decoder_16k_4codebooks.pt"


@pytest.fixture
def cli(codec_bench_in: Cli, longcat_mirror: Path, tmp_path: Path) -> Cli:
    # Weights of our own making give no published answer.
    mirror = {"CODEC_BENCH_MIRROR": str(longcat_mirror), "CODEC_BENCH_NO_VERIFY": "1"}
    return lambda *arguments, **own: codec_bench_in(tmp_path, *arguments, **(mirror | own))


RUN = (
    "run",
    "--codec",
    "longcat",
    "--codebooks",
    "2,3,4",
    "--dataset",
    "demo",
    "--metrics",
    "stoi,si_sdr",
    "--no-report",
)


@pytest.mark.as_user
@pytest.mark.long
def test_rows_in_the_papers_bands_the_weights_that_made_them_and_another_checkpoint(
    cli: Cli, longcat_mirror: Path, tmp_path: Path
):
    done = cli(*RUN, "--limit", "1", "--out", "one")
    assert done.returncode == 0, done.stderr
    lines = [line.split("|")[1:3] for line in done.stdout.splitlines() if line.startswith("|")]
    rows = [(a.strip(), b.strip()) for a, b in lines]
    for band, row in (
        ("*0.85-2 kbps, semantic*", ("longcat@4", "0.87")),
        ("*0.65-0.85 kbps, semantic*", ("longcat@3", "0.65")),
        ("*&lt; 0.65 kbps, semantic*", ("longcat@2", "0.43")),
    ):
        assert rows[rows.index((band, "")) + 1] == row
    assert len(list((tmp_path / "home" / "cache" / "codes").rglob("*/*"))) == 1  # one encode for all three
    decoder = longcat_mirror / "hf" / REPOSITORY / "ckpts" / DECODER
    assert "longcat: weights LongCatAudioCodec\\_encoder.pt" in done.stdout
    assert file_digest(decoder)[:12] in done.stdout

    state = torch.load(decoder, weights_only=True)
    name = next(n for n in state if n.endswith("weight_v"))
    state[name] = state[name] * 1.5
    torch.save(state, tmp_path / "new.pt")
    second = cli(*RUN, "--limit", "1", "--out", "two", "--checkpoint", "new.pt")
    assert second.returncode == 0, second.stderr
    infos = [json.loads((tmp_path / out / "run.json").read_text()) for out in ("one", "two")]
    prints = [{s["label"]: s["fingerprint"] for s in info["plan"]["systems"]} for info in infos]
    assert all(prints[0][label] != prints[1][label] for label in ("longcat@2", "longcat@3", "longcat@4"))
    assert infos[1]["sessions"][0]["scores_from_cache"] == 2  # of the recordings themselves
    assert cli(*RUN, "--limit", "1", "--out", "one", "--checkpoint", "new.pt").returncode == 2


@pytest.mark.as_user
@pytest.mark.long
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("truncate", "LongCatAudioCodec_decoder_16k_4codebooks.pt"),
        ("text", "LongCatAudioCodec_decoder_16k_4codebooks.pt"),
        ("swap", "LongCatAudioCodec_decoder_16k_4codebooks.pt"),
        ("rename", "codec-bench fetch codec:longcat"),
        ("tensor", "decoder.model"),
    ],
)
def test_wrong_files_are_clear_errors(cli: Cli, longcat_mirror: Path, tmp_path: Path, damage: str, message: str):
    own = tmp_path / "mirror"
    shutil.copytree(longcat_mirror, own)
    files = own / "hf" / REPOSITORY / "ckpts"
    path = files / DECODER
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "text":
        path.write_text("not a checkpoint")
    elif damage == "swap":
        shutil.copyfile(files / "LongCatAudioCodec_decoder_24k_4codebooks.pt", path)
    elif damage == "rename":
        path.rename(files / "decoder.pt")
    else:
        state = torch.load(path, weights_only=True)
        name = next(n for n in state if n.startswith("decoder.model"))
        del state[name]
        torch.save(state, path)
    done = cli(*RUN, "--limit", "1", "--out", "out", CODEC_BENCH_MIRROR=str(own), CODEC_BENCH_OFFLINE="1")
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_: object) -> None:
        return

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.replace("/resolve/main/", "/"))


@pytest.fixture
def endpoint(longcat_mirror: Path) -> Iterator[str]:
    """A server with the addresses of Hugging Face."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(longcat_mirror / "hf"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.long
def test_fetch_names_sizes_and_brings_the_files(cli: Cli, endpoint: str, tmp_path: Path):
    done = cli("fetch", "codec:longcat", CODEC_BENCH_MIRROR="", HF_ENDPOINT=endpoint)
    assert done.returncode == 0, done.stderr
    assert "codec:longcat: downloading 3 files (3.7 MB)" in done.stderr
    names = [Path(line.split("\t")[0]).name for line in done.stdout.splitlines()]
    assert names == [ENCODER, CMVN, DECODER]
    offline = cli(*RUN, "--limit", "1", CODEC_BENCH_MIRROR="", CODEC_BENCH_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
    again = cli("fetch", "codec:longcat", CODEC_BENCH_MIRROR="", CODEC_BENCH_OFFLINE="1")
    assert "downloading" not in again.stderr


@pytest.mark.long
def test_long_recordings_are_cut_and_the_cuts_are_kept(cli: Cli, tmp_path: Path):
    (tmp_path / "long").mkdir()
    noise = np.random.default_rng(0).normal(0, 0.05, 35 * 16_000)
    soundfile.write(tmp_path / "long" / "a.wav", noise, 16_000)
    done = cli(
        "run", "--codec", "longcat@2", "--dataset", "long", "--metrics", "si_sdr", "--no-report", "--keep-audio",
        "--out", "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out" / "tokens" / "longcat@2" / "a.npz") as tokens:
        cuts = tokens["side_cuts"]
        assert len(cuts) == 1
        assert (cuts % 960 == 0).all()
        assert len(tokens["book_0"]) == -(-35 * 16_000 // 960)
    assert soundfile.info(tmp_path / "out" / "audio" / "longcat@2" / "a.wav").frames == 35 * 16_000
    assert pd.read_parquet(tmp_path / "out" / "scores.parquet").status.eq("ok").all()


@pytest.mark.as_user
@pytest.mark.long
@pytest.mark.parametrize(
    ("codebooks", "expected"),
    [
        pytest.param(2, {"pesq_wb": 1.775, "stoi": 0.857, "estoi": 0.806, "secs": 0.979}, marks=pytest.mark.slow),
        (4, {"pesq_wb": 2.459, "stoi": 0.902, "estoi": 0.857, "secs": 0.983}),
    ],
)
def test_real_output_of_the_codec_scores_as_measured_independently(
    cli: Cli, shared: Path, codebooks: int, expected: dict[str, float]
):
    demo = shared / "data" / "longcat_demo"
    decoded = demo / f"longcat_24k_{codebooks}codebooks"
    if max(abs(soundfile.read(path)[0]).max() for path in decoded.iterdir()) < 1e-3:
        pytest.skip("the reconstructions in the shared material were scaled down to a step of 16 bit")
    done = cli(
        "score", "--reference", str(demo / "original"), "--decoded", str(decoded), "--metrics", ",".join(expected),
        "--json", "--no-report",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {r["metric"]: r for r in json.loads(done.stdout) if r["system"] == decoded.name}
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=0.01), name
        assert found[name]["n"] == 5
