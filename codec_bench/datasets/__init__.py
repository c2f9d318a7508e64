"""Data sets. The table says where each lives; nothing is imported before it is used."""

from __future__ import annotations

from codec_bench.datasets.dataset import Dataset
from codec_bench.registry import Registry

DATASETS: Registry[type[Dataset]] = Registry(
    "dataset",
    {
        "demo": "codec_bench.datasets.demo_set:Demo",
        "libritts-test-b": "codec_bench.datasets.libritts:LibriTtsTestB",
        "libritts-test-clean": "codec_bench.datasets.libritts:LibriTtsTestClean",
        "libritts-test-other": "codec_bench.datasets.libritts:LibriTtsTestOther",
        "librispeech-test-clean": "codec_bench.datasets.librispeech:LibriSpeechTestClean",
        "librispeech-test-other": "codec_bench.datasets.librispeech:LibriSpeechTestOther",
        "librispeech-5-10s": "codec_bench.datasets.librispeech:LibriSpeech5To10Seconds",
        "librispeech-length": "codec_bench.datasets.librispeech:LibriSpeechLength",
        "librispeech-asr": "codec_bench.datasets.librispeech:LibriSpeechAsr",
        "librispeech-phones": "codec_bench.datasets.librispeech:LibriSpeechPhones",
        "librispeech-train-clean-360": "codec_bench.datasets.librispeech:LibriSpeechTrainClean360",
        "ljspeech": "codec_bench.datasets.ljspeech:LjSpeech",
        "vctk": "codec_bench.datasets.vctk:Vctk",
        **{f"mls-{code}": "codec_bench.datasets.mls:LANGUAGES" for code in ("de", "nl", "fr", "es", "it", "pt", "pl")},
        "aishell-1": "codec_bench.datasets.aishell:Aishell1",
        "aishell-1-test": "codec_bench.datasets.aishell:Aishell1Test",
        "audiomnist": "codec_bench.datasets.audiomnist:AudioMnist",
        "audioset": "codec_bench.datasets.audioset:AudioSet",
        "emovo": "codec_bench.datasets.emovo:Emovo",
        "esc-50": "codec_bench.datasets.esc50:Esc50",
        "esd": "codec_bench.datasets.esd:Esd",
        "esd-disjoint": "codec_bench.datasets.esd:EsdDisjoint",
        "iemocap": "codec_bench.datasets.iemocap:Iemocap",
        "ravdess": "codec_bench.datasets.ravdess:Ravdess",
        "ravdess-disjoint": "codec_bench.datasets.ravdess:RavdessDisjoint",
        "slurp": "codec_bench.datasets.slurp:Slurp",
        "vocalsound": "codec_bench.datasets.vocalsound:VocalSound",
        "voxceleb1": "codec_bench.datasets.voxceleb:VoxCeleb1",
    },
    group="codec_bench.datasets",
)

__all__ = ["DATASETS", "Dataset"]
