"""Seconds per stage and peak memory of LongCat-Audio-Codec at a checkpoint's sizes. Prints one JSON object.

    python benchmarks/longcat_stages.py MANIFEST.json [--decoder 24k_4codebooks] [--seconds 5]

The manifest names the tensors, their shapes and a range; the values are random, which costs what trained ones cost.
They are written by a process of their own, so that the peak is that of loading, encoding and decoding.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {"encoder": "encoder.pt", "decoder": "decoder.pt", "cmvn": "cmvn.npy"}


def write_weights(manifest: Path, decoder: str, folder: Path) -> None:
    """Writes an encoder, mel statistics and a decoder of the sizes that the manifest states."""
    import torch

    components = json.loads(manifest.read_text(encoding="utf-8"))["components"]
    for role, component in (("encoder", "encoder"), ("decoder", f"decoder_{decoder}")):
        tensors = {}
        for row in components[component]["tensors"]:
            generator = torch.Generator().manual_seed(zlib.crc32(f"{component}/{row['name']}".encode()))
            tensor = torch.empty(row["shape"]).uniform_(-1, 1, generator=generator)
            tensors[row["name"]] = tensor.mul_(row["bound"]).add_(row["center"])
        torch.save(tensors, folder / NAMES[role])
    frames, mean, deviation = 1e6, 12.0, 3.0  # about what speech at 16 bits has in every band
    sums = np.append(np.full(80, mean * frames), frames)
    squares = np.append(np.full(80, (mean**2 + deviation**2) * frames), 0)
    np.save(folder / NAMES["cmvn"], np.stack([sums, squares]))


def peak_gb() -> float:
    """The most memory that this process has held so far, mapped pages of the checkpoints included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(folder: Path, seconds: float, device: str) -> dict[str, Any]:
    """Loads, encodes and decodes once each, in the order in which a run does."""
    import torch

    from codec_bench.adapters.longcat.model import LongCatDecoder, LongCatEncoder

    took: dict[str, float] = {}
    peaks: dict[str, float] = {"before": peak_gb()}

    def stage(name: str, work: Any) -> Any:
        started = time.perf_counter()
        result = work()
        if device != "cpu":
            torch.cuda.synchronize()
        took[name] = time.perf_counter() - started
        peaks[name] = peak_gb()
        return result

    samples = np.random.default_rng(0).normal(0, 0.1, int(seconds * 16_000)).astype(np.float32)
    encoder = stage("load encoder", lambda: LongCatEncoder(folder / NAMES["encoder"], folder / NAMES["cmvn"], device))
    codes = stage("encode", lambda: encoder.encode(samples))
    stage("encode again", lambda: encoder.encode(samples))
    decoder = stage("load decoder", lambda: LongCatDecoder(folder / NAMES["decoder"], device))
    codes = codes[: decoder.codebooks]
    audio = stage("decode", lambda: decoder.decode(codes))
    stage("decode again", lambda: decoder.decode(codes))
    assert np.isfinite(audio).all()
    return {
        "audio_seconds": seconds,
        "frames": codes.shape[1],
        "threads": torch.get_num_threads(),
        "device": device,
        "seconds": {name: round(value, 2) for name, value in took.items()},
        "real_time_factor": {
            name: round(took[name] / seconds, 3) for name in ("encode", "encode again", "decode", "decode again")
        },
        "peak_gb": {name: round(value, 2) for name, value in peaks.items()},
    }


def main() -> None:
    """Writes the weights, measures, removes the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("manifest", type=Path, help="names, shapes and ranges of the tensors, JSON")
    parser.add_argument("--decoder", default="16k_4codebooks", help="16k_4codebooks, 24k_4codebooks or 24k_2codebooks")
    parser.add_argument("--seconds", type=float, default=5.0, help="of audio")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = multiprocessing.get_context("spawn").Process(
            target=write_weights, args=(options.manifest, options.decoder, folder)
        )
        writer.start()
        writer.join()
        if writer.exitcode:
            raise SystemExit(f"the weights could not be written (exit code {writer.exitcode})")
        result = measure(folder, options.seconds, options.device)
    result = {"benchmark": "longcat stages", "decoder": options.decoder, "cores": os.cpu_count(), **result}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
