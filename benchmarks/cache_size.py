"""How much room decoded audio takes in the cache beside four bytes a sample, and what packing it costs of a run.

A run of the demo set by codecs that decode to 16 bits and by codecs that decode to floats (and what is resampled). The
CPU time of packing every entry once and reading it twice, as a run does, stands beside that of the whole run.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

from limits import Limit, publish

from codec_bench import run
from codec_bench.cache import ArrayCache
from codec_bench.lossless import packed, unpacked

CODECS = ["codec2@3200", "codec2@1200", "opus@6000", "opus@12000", "gsm", "amr-nb@4750"]
METRICS = ["pesq_wb", "stoi", "estoi", "si_sdr", "gpe", "mcd"]


def main() -> None:
    """Runs, then packs again what the run kept."""
    sizes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CODEC_BENCH_HOME"] = str(folder / "home")
        started = cpu()
        run(CODECS, "demo", metrics=METRICS, jobs=1, ground_truth=False, report=False, out=folder / "run")
        whole = cpu() - started
        cache = ArrayCache(folder / "home/cache/audio")
        packing = 0.0
        for path in sorted(p for p in cache.root.rglob("*") if p.is_file() and p.name[0] != "."):
            entry = cache.get(path.parent.name + path.name)
            assert entry is not None
            samples = entry["samples"]
            began = time.process_time()
            arrays = packed(samples)
            unpacked(arrays)
            unpacked(arrays)
            packing += time.process_time() - began
            kind = "numbers of 16 bits" if "flac" in arrays else "floats"
            sizes[f"{kind}, raw"] += samples.nbytes
            sizes[f"{kind}, kept"] += path.stat().st_size
    limits = [
        Limit(f"size of decoded audio, {kind}", 100 * sizes[f"{kind}, kept"] / sizes[f"{kind}, raw"], 60, "%")
        for kind in ("numbers of 16 bits", "floats")
    ]
    limits.append(
        Limit("CPU time of packing and unpacking, of a run with signal metrics", 100 * packing / whole, 3, "%")
    )
    publish("audio in the cache", limits, bytes=dict(sizes), run_cpu_seconds=round(whole, 1))


def cpu() -> float:
    """CPU seconds of this process and of those that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main()
