"""Every system of the papers' tables has a row, and every bitrate is the one that was verified for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codec_bench.adapters import CODECS
from codec_bench.catalogue import codec_facts

TABLES = {
    "LongCat 5": {
        "Mel + BigVGAN (100 band)": "bigvgan",
        "FACodec (with detail codes)": "facodec",
        "X-Codec (HuBERT LibriSpeech)": "xcodec",
        "SpeechTokenizer": "speechtokenizer",
        "Mimi": "mimi",
        "LLM-Codec": "llm-codec",
        "LongCat-Audio-Codec (4 codebooks)": "longcat",
        "SemantiCodec (F = 25 Hz)": "semanticodec",
        "S3 Tokenizer (F = 50 Hz)": "s3tokenizer-v1-50hz",
        "LSCodec (F = 50 Hz)": "lscodec-50hz",
    },
    "LongCat 6": {
        "EnCodec (Q = 8)": "encodec-24khz",
        "DAC (24kHz, Q = 8)": "dac-24khz",
        "TiCodec (Q = 2)": "ticodec",
        "SNAC (24kHz)": "snac-24khz",
        "WavTokenizer (Small)": "wavtokenizer-small-75",
        "Stable-Codec (Q = 12)": "stable-codec",
    },
    "WavTokenizer 1-4": {
        "DAC 9 kbps": "dac-44khz",
        "DAC 4 kbps": "dac-24khz",
        "DAC 1 kbps": "dac-16khz",
        "Encodec": "encodec-24khz",
        "Vocos": "vocos-encodec",
        "SpeechTokenizer": "speechtokenizer",
        "HiFi-Codec 3.0 kbps": "hifi-codec-24k-320d",
        "HiFi-Codec 4.0 kbps": "hifi-codec-24k-240d",
        "WavTokenizer-small 0.5 kbps": "wavtokenizer-small-40",
        "WavTokenizer-small 0.9 kbps": "wavtokenizer-small-75",
        "WavTokenizer-large": "wavtokenizer-large-75",
    },
    "MagiCodec 1-2": {
        "DAC": "dac-24khz",
        "WavTokenizer": "wavtokenizer-small-75",
        "SpeechTokenizer": "speechtokenizer",
        "SemantiCodec": "semanticodec",
        "Encodec": "encodec-24khz",
        "Mimi": "mimi",
        "Vocos": "vocos-encodec",
        "SNAC": "snac-24khz",
        "BigCodec (streaming, by the authors of TS3-Codec)": "bigcodec-streaming",
        "BigCodec": "bigcodec",
        "TS3Codec": "ts3-codec",
        "MagiCodec": "magicodec",
    },
    "Stable-Codec 2, 8-10, 12": {
        "DAC": "dac-16khz",
        "Encodec": "encodec-24khz",
        "SpeechTokenizer": "speechtokenizer",
        "SemantiCodec": "semanticodec",
        "Mimi": "mimi",
        "TAAE": "stable-codec",
        "unitHiFi-GAN": "hubert-km1000",
    },
}

SPELLED = {
    "wavtokenizer_small_600": "wavtokenizer-small-40",
    "wavtokenizer_small_320": "wavtokenizer-small-75",
    "wavtokenizer_medium": "wavtokenizer-medium-75",
    "wavtokenizer_large_600": "wavtokenizer-large-40",
    "wavtokenizer_large_320": "wavtokenizer-large-75",
    "xcodec_hubert_librispeech": "xcodec",
    "mel_bigvgan_100": "bigvgan",
    "vocos_encodec_24khz": "vocos-encodec",
}
"""Names of the verified facts that are not ours with dashes; several of ours may share one (`FAMILIES`)."""

FAMILIES = {
    "nemo_nanocodec": ("nemo-nanocodec-1.89k", "nemo-nanocodec-0.6k", "nemo-nanocodec-1.78k"),
    "nemo_audio_codec_22k": ("nemo-audio-codec-22khz",),
    "focalcodec_50hz": ("focalcodec-50hz", "focalcodec-25hz", "focalcodec-12.5hz"),
    "dualcodec": ("dualcodec-12hz", "dualcodec-25hz"),
    "kanade_25hz_clean": ("kanade-25hz-clean", "kanade-25hz", "kanade-12.5hz"),
    "past": ("past",),
    "hubert_km_unit_hifigan": ("hubert-km", "hubert-km1000", "mhubert-km500-25hz"),
    "lscodec_50hz": ("lscodec-50hz",),
}

ROUNDED = {
    ("lscodec_50hz", "paper (ceil: 9 bit)"),
    ("nemo_nanocodec", "1.89kbps-21.5fps"),
    ("nemo_audio_codec_22k", "default"),
    ("single_codec", "paper 304bps"),
}
"""Figures from whole bits per token, or from frame rates that were rounded (21.5 for 22050/1024 Hz); ours are exact."""


@pytest.mark.parametrize(("table", "system"), [(t, s) for t, systems in TABLES.items() for s in systems])
def test_every_system_of_the_tables_has_a_row(table: str, system: str) -> None:
    name = TABLES[table][system]
    assert name in CODECS.names(), f"{system} of table {table}"
    assert CODECS.get(name).name == name


@pytest.fixture(scope="module")
def ours() -> dict[str, dict[str, Any]]:
    return {fact["codec"]: fact for fact in codec_facts()}


def test_every_bitrate_is_the_verified_one(shared: Path, ours: dict[str, dict[str, Any]]) -> None:
    wrong = []
    codecs = json.loads((shared / "facts" / "codecs.json").read_text(encoding="utf-8"))["codecs"]
    for codec in codecs:
        default = (SPELLED.get(codec["name"], codec["name"].replace("_", "-")),)
        names = FAMILIES.get(codec["name"], default)
        computed = [s["kbps"] for name in names for s in ours[name]["settings"] if s["kbps"] is not None]
        for config in codec["configs"]:
            kbps = config.get("bitrate_kbps")
            if kbps is None or (codec["name"], config["label"]) in ROUNDED:
                continue
            if not any(abs(kbps - own) <= max(0.001 * kbps, 0.00051) for own in computed):
                wrong.append(f"{codec['name']} {config['label']}: {kbps}, ours {computed}")
    assert wrong == []
