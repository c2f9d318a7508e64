"""One of two processes that share metrics over gloo: prints what each computed."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from codec_bench.torchmetrics import CodecMetric


def main(folder: Path, rank: int) -> None:
    """Scores this process's part, and joins both."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    batch = torch.load(folder / "batch.pt", weights_only=True)
    mine = slice(0, 3) if rank == 0 else slice(3, 5)
    values = []
    for name in ("stoi", "gpe"):
        metric = CodecMetric(name, 16_000)
        metric.update(batch["noisy"][mine], batch["clean"][mine])
        values.append(float(metric.compute()))
        assert metric.coverage[1] == len(batch["noisy"][mine])  # its own part again
    sys.stdout.write(" ".join(map(repr, values)) + "\n")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
