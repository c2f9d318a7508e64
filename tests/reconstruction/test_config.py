"""Configurations from YAML, from Python and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.errors import UsageError
from codec_bench.reconstruction.config import PreparedFiles, RunConfig

SUITE = """
codec:
  - codec2@1200
  - opus@6000,lyra
  - {files: recon/mimi, name: mimi, bitrate: 1.1, group: semantic}
dataset: [demo, other.tsv]
metrics: pesq_wb,gpe[praat]
codebooks: [16, 30]
keep-audio: true
max_failed: 0.1
bands: 4, 1
"""


def test_a_suite_is_read_whole(tmp_path: Path):
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE)
    config = RunConfig.load(path, {"limit": 3})
    files = PreparedFiles(files="recon/mimi", name="mimi", bitrate=1.1, group="semantic")
    assert config.codec == ["codec2@1200", "opus@6000", "lyra", files]
    assert config.dataset == ["demo", "other.tsv"]
    assert config.metrics == ["pesq_wb", "gpe[praat]"]
    assert (config.codebooks, config.keep_audio, config.limit, config.bands) == ([16, 30], True, 3, [4.0, 1.0])


def test_every_option_can_be_saved(tmp_path: Path):
    values = {
        "codec": ["a"], "codebooks": [2], "dataset": ["d"], "metrics": ["m"], "sample": 1, "only": ["u"], "jobs": 3,
        "coding_jobs": 2, "engine": "ray", "ray_address": "head:6379",
        "device": "cuda", "batch_seconds": 30.0, "checkpoint": tmp_path,
        "asr": "x", "normaliser": "librispeech",
        "condition": ["c"], "condition_reference": "altered", "noise_dir": tmp_path, "room_dir": tmp_path,
        "music_dir": tmp_path, "loss_trace": tmp_path,
        "seed": 4, "align": True, "ground_truth": False, "data_root": tmp_path, "audio_root": tmp_path,
        "generated": True, "speed": True, "prompts": tmp_path, "prompt_root": tmp_path,
        "text": tmp_path, "bands": [1.0], "keep_audio": True, "report": False, "max_failed": 0.5, "timeout": 9.0,
        "out": tmp_path, "log": ["wandb:team/codecs"],
        "no_cache": True, "debug": True, "keep_paths": True, "verify": False, "unverified": True,
    }  # fmt: skip
    assert set(values) == set(RunConfig.model_fields) - {"name", "bitrate", "group", "limit"}  # a sample has no limit
    config = RunConfig(**values)
    config.save(tmp_path / "all.yaml")
    assert RunConfig.load(tmp_path / "all.yaml") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("codec: [a]\nmetrix: pesq_wb", "unknown option 'metrix'; did you mean 'metrics'"),
        ("codec: [a]\nlimit: 0", "limit"),
        ("codec: [a]\nlimit: many", "limit"),
        ("codec: []", "codec"),
        ("dataset: demo", "codec"),
        ("codec: [a]\nbands: [1, 2]", "positive and falling"),
        ("codec: [a]\ndataset: [x, y]\naudio_root: z", "one data set"),
        ("codec: [{files: x, bitrat: 3}]", "bitrat"),
        ("- a\n- b", "holds no options"),
        ("codec: [a", "is not valid YAML"),
        ("", "holds no options"),
    ],
)
def test_mistakes_are_one_line_that_names_the_file(tmp_path: Path, text: str, message: str):
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        RunConfig.load(path)
    assert message in str(caught.value)
    assert "suite.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        RunConfig.load(tmp_path / "none.yaml")
