"""Runs made of numbers, and real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

import codec_bench
from codec_bench.comparison.measurements import ComparedMetric, Measurements, SystemRow, UtteranceScore

COLUMNS = {
    "pesq_wb": ComparedMetric("pesq_wb", "pesq_wb", "PESQ-wb", "MOS-LQO", "higher", 3, 1, "p1", 1.0),
    "wer[a]": ComparedMetric("wer[a]", "wer", "WER", "%", "lower", 2, 1, "w1", 100.0),
    "mcd": ComparedMetric("mcd", "mcd", "MCD", "dB", "lower", 2, 1, "m1", 1.0),
}

Make = Callable[..., Measurements]


@pytest.fixture
def make() -> Make:
    """Measurements from values per system and metric; a value may be a pair, or a status."""

    def made(
        scores: Mapping[str, Mapping[str, Sequence[object]]],
        *,
        speakers: Sequence[str | None] | None = None,
        columns: Mapping[str, ComparedMetric] = COLUMNS,
        manifest: str = "m",
        name: str = "set",
        conditions: Mapping[str, str] | None = None,
    ) -> Measurements:
        length = max(len(values) for metrics in scores.values() for values in metrics.values())
        ids = [f"u{i:03d}" for i in range(length)]
        rows = {}
        for label in scores:
            system, _, condition = label.partition("+")
            rows[label] = SystemRow(label, system, condition, "clean", "f")
        used = [m for m in columns if any(m in metrics for metrics in scores.values())]
        return Measurements(
            source="run",
            kind="reconstruction",
            dataset={"name": name, "utterances": length, "speakers": 0, "manifest_sha256": manifest},
            columns={m: columns[m] for m in used},
            systems=rows,
            conditions=conditions or {},
            speakers=dict(zip(ids, speakers or [None] * length, strict=True)),
            scores={
                system: {m: {u: _outcome(v) for u, v in zip(ids, values, strict=True)} for m, values in metrics.items()}
                for system, metrics in scores.items()
            },
        )

    return made


def _outcome(value: object) -> UtteranceScore:
    if isinstance(value, str):
        return UtteranceScore(0.0, 0.0, value)
    if isinstance(value, tuple):
        return UtteranceScore(float(value[0]), float(value[1]))
    return UtteranceScore(float(str(value)), 1.0)


@pytest.fixture(scope="session")
def noise_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run over the demo set: white noise at 15 and at 12 dB, two metrics, audio kept."""
    folder = tmp_path_factory.mktemp("noise")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        codecs = [f"codec_bench.testing.codecs:Noise@{snr}" for snr in (15, 12)]
        options = {"metrics": ["pesq_wb", "si_sdr"], "ground_truth": False, "keep_audio": True}
        codec_bench.run(codecs, "demo", jobs=1, report=False, out=folder / "run", **options)
    return folder / "run"
