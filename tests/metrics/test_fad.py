from __future__ import annotations

import numpy as np
import pytest
import torch

from codec_bench.metrics.fad import FadAccumulator, frechet_distance
from codec_bench.records import NotScorable


def sets(dimensions: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(dimensions, dimensions))
    return rng.normal(size=(400, dimensions)) @ mix, 0.5 + rng.normal(size=(300, dimensions)) * 1.3


def test_distance_equals_torchmetrics() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    first, second = sets()
    parts = [x for s in (first, second) for x in (s.mean(axis=0), np.cov(s, rowvar=False))]
    expected = float(fid._compute_fid(*(torch.from_numpy(part) for part in parts)))
    assert frechet_distance(*parts) == pytest.approx(expected, rel=1e-9)


def test_distance_equals_the_matrix_root_of_scipy() -> None:
    from scipy.linalg import sqrtm

    first, second = (np.cov(s, rowvar=False) for s in sets())
    expected = np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert frechet_distance(np.zeros(6), first, np.zeros(6), second) == pytest.approx(expected, rel=1e-9)


def test_known_distances() -> None:
    one = np.eye(3)
    assert frechet_distance([1, 2, 2], one, [0, 0, 0], one) == pytest.approx(9)
    assert frechet_distance([0, 0, 0], 4 * one, [0, 0, 0], 9 * one) == pytest.approx(3)
    singular = np.diag([1.0, 0.0, 0.0])
    assert frechet_distance([0, 0, 0], singular, [0, 0, 0], np.diag([0.0, 1.0, 0.0])) == pytest.approx(2)
    with pytest.raises(NotScorable):
        frechet_distance([np.nan] * 3, one, [0, 0, 0], one)


def test_pieces_give_the_statistics_of_the_whole() -> None:
    embeddings, _ = sets()
    whole = FadAccumulator()
    for part in np.split(embeddings[:200] + 1e4, [1, 3, 90]):
        whole.add(part)
    for row in embeddings[200:]:
        whole.add(row + 1e4)
    assert whole.count == 400
    np.testing.assert_allclose(whole.mean, embeddings.mean(axis=0) + 1e4, rtol=1e-12)
    np.testing.assert_allclose(whole.covariance, np.cov(embeddings, rowvar=False), atol=1e-6)


def test_too_few_and_other_embeddings_are_refused() -> None:
    few = FadAccumulator()
    few.add(np.zeros((6, 6)))
    with pytest.raises(NotScorable, match="needs more"):
        _ = few.covariance
    for bad in (np.zeros((2, 5)), np.full((2, 6), np.inf)):
        with pytest.raises(NotScorable):
            few.add(bad)
    assert few.count == 6


@pytest.mark.slow
def test_the_column_of_a_run_is_the_distance_of_the_sets(shared, tmp_path) -> None:
    """Over real reconstructions: the value of the table is that of scipy over the embeddings of the library itself."""
    from scipy.linalg import sqrtm

    import codec_bench
    from codec_bench.audio import read_audio, resample

    resemblyzer = pytest.importorskip("resemblyzer")
    manifest = shared / "data" / "manifests" / "speech_en.tsv"
    options = {"metrics": ["fad[resemblyzer]"], "report": False, "jobs": 2}
    kept = {"limit": 40, "keep_audio": True, "out": tmp_path / "run"}
    run = codec_bench.run("codec2@3200", str(manifest), **kept, **options)
    found = run.summary.set_index("system").value

    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)

    def embeddings(folder) -> np.ndarray:
        made = []
        for path in sorted(folder.glob("*.wav")):
            audio = resample(read_audio(path), 16_000)
            made.append(encoder.embed_utterance(audio.samples, return_partials=True)[1])
        return np.concatenate(made)

    first, second = (embeddings(tmp_path / "run/audio" / name) for name in ("ground-truth", "codec2@3200"))
    assert len(first) > 256
    covariances = [np.cov(s, rowvar=False) for s in (first, second)]
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    step = first.mean(axis=0, dtype=float) - second.mean(axis=0, dtype=float)
    expected = step @ step + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert found["codec2@3200"] == pytest.approx(expected, rel=0.02)
    assert found["ground-truth"] == pytest.approx(0, abs=1e-6)
    assert run.summary.ci_low.isna().all()

    few = codec_bench.run("codec2@3200", "demo", limit=2, out=tmp_path / "few", **options)
    assert few.summary.value.isna().all()
    assert any("needs more" in warning for warning in few.info["warnings"])


@pytest.mark.long
def test_a_pruned_embedding_is_made_again(tmp_path, monkeypatch) -> None:
    import shutil

    import codec_bench

    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    options = {"metrics": ["fad[resemblyzer]"], "report": False, "jobs": 1, "limit": 2, "out": tmp_path / "run"}
    codec_bench.run("codec2@3200", "demo", **options)
    shutil.rmtree(tmp_path / "home" / "cache" / "features")
    again = codec_bench.run("codec2@3200", "demo", **options)
    assert again.info["sessions"][-1]["scores_computed"] == 4
    assert not any("lost from the cache" in warning for warning in again.info["warnings"])
