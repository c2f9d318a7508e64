"""Every codec is what was verified for it: rates, codebooks, bitrates, sizes. (Papers' tables: tests/reproduction.)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codec_bench.adapters import CODECS
from codec_bench.adapters.published_only import PublishedOnly
from codec_bench.adapters.spec import CodecSpec
from codec_bench.metrics import METRICS

L3AC = {"0k75bps": "0.75k", "1kbps": "1k", "1k5bps": "1.5k", "3kbps": "3k"}
SQ_CODEC = {"6kbps": "6k", "12kbps": "12k", "12kbps_24khz": "12k-24khz", "24kbps_24khz": "24k-24khz"}

SPELLED = {
    "wavtokenizer_small_600": "wavtokenizer-small-40",
    "wavtokenizer_small_320": "wavtokenizer-small-75",
    "wavtokenizer_medium": "wavtokenizer-medium-75",
    "wavtokenizer_large_600": "wavtokenizer-large-40",
    "wavtokenizer_large_320": "wavtokenizer-large-75",
    "xcodec_hubert_librispeech": "xcodec",
    "mel_bigvgan_100": "bigvgan",
    "vocos_encodec_24khz": "vocos-encodec",
    "glm4_voice": "glm-4-voice",
    "fish_modded_dac": "fish-dac",
    "freqcodec_gr8": "freqcodec",
    "freqcodec_gr1": "freqcodec",
    "sac_16k_37_5hz": "sac-37.5hz",
    "sac_16k_62_5hz": "sac-62.5hz",
    "spine_codec": "spine",
    **{f"l3ac_{name}": f"l3ac-{ours}" for name, ours in L3AC.items()},
    **{f"sqcodec_{name}": f"sq-codec-{ours}" for name, ours in (L3AC | SQ_CODEC).items()},
    **{
        f"funcodec_encodec_{name}_16k_nq32ds{hop}": f"funcodec-ds{hop}"
        for name in ("zh_en_general", "en_libritts")
        for hop in (640, 320)
    },
    "semanticodec_missing": "semanticodec",
    "ticodec_weights": "ticodec",
    "wavtokenizer_hf_small_speech_40token": "wavtokenizer-small-40",
    "wavtokenizer_hf_small_speech_75token": "wavtokenizer-small-75",
    "wavtokenizer_hf_medium_speech_75token": "wavtokenizer-medium-75-v1",
    "wavtokenizer_hf_medium_speech_75token_v2": "wavtokenizer-medium-75",
    "wavtokenizer_hf_medium_music_audio_75token": "wavtokenizer-medium-music-75-v1",
    "wavtokenizer_hf_medium_music_audio_75token_v2": "wavtokenizer-medium-music-75",
    "wavtokenizer_hf_large_speech_75token_v2": "wavtokenizer-large-75",
    "wavtokenizer_hf_large_unify_40token": "wavtokenizer-large-40",
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
    ("unicodec", "speech part 4096"),
    ("auv", "speech part 8192 only"),
}
"""Figures of a part of the codebook, from whole bits per token, or from frame rates that were rounded (21.5 for
22050/1024 Hz); ours are exact."""


OTHER = {
    ("vocos_encodec_24khz", "params_millions"),
    ("wavtokenizer_small_600", "params_millions"),
    ("wavtokenizer_small_320", "params_millions"),
    ("mimo_audio_tokenizer", "group"),
    ("flexicodec", "codebook_sizes"),
    ("sac_16k_37_5hz", "frame_rate_hz"),
    ("sac_16k_62_5hz", "frame_rate_hz"),
    ("glm4_voice", "sample_rate"),
    ("moss_audio_tokenizer_v2", "params_millions"),
}
"""The sheets differ in one; one has a codebook more than its highest rate, two the rate of the slower codebook, one the
rate of its input. Ours counts the codebooks and EnCodec's encoder, too; and leaves out a decoder that WavTokenizer does
not use; of MOSS-Audio-Tokenizer v2 the sheet has the billions that its makers say, and its index of tensors more."""


WITHOUT_ADAPTER = {
    *("cosyvoice_v1_50hz_decoder", "cosyvoice_v1_25hz_decoder", "cosyvoice2_decoder", "cosyvoice3_decoder"),
    *("chatterbox_s3gen", "step_audio2_token2wav", "mhubert_km1000_unit_hifigan", "mhubert_base_25hz"),
    *("longcat_next_audio_tokenizer", "tadicodec", "kimi_audio", "step_audio_tokenizer", "baichuan_audio", "hh_codec"),
    *("pocket_tts_mimi_vae", "vibevoice_acoustic", "dtm_codec"),  # without a bitrate
}
"""Of the newer sheet: what only a row says of, or nothing yet."""


def settings_of(name: str) -> list[CodecSpec]:
    cls = CODECS.get(name)
    return [cls.mode_spec(mode) for mode in cls.modes or (None,)]


@pytest.mark.parametrize("sheet", ["codecs", "codecs_2026"])
def test_every_codec_is_what_was_verified(sheet: str, shared: Path) -> None:
    """Each figure of the sheet is that of a setting of the codec."""
    wrong = []
    for fact in json.loads((shared / "facts" / f"{sheet}.json").read_text(encoding="utf-8"))["codecs"]:
        name = fact["name"]
        if sheet == "codecs_2026" and name in WITHOUT_ADAPTER:
            continue
        names = FAMILIES.get(name, (SPELLED.get(name, name.replace("_", "-")),))
        specs = [spec for ours in names for spec in settings_of(ours)]
        found: dict[str, list[Any]] = {
            "group": [spec.group.value for spec in specs],
            "sample_rate": [spec.output_rate for spec in specs],
            "codebook_sizes": [[book.size for book in spec.codebooks] for spec in specs if spec.codebooks],
            "frame_rate_hz": [rate for spec in specs for rate in (spec.frame_rate, token_rate(spec)) if rate],
            "causal": [spec.causal for spec in specs],
            "streaming": [spec.streaming for spec in specs if spec.streaming is not None],
            "params_millions": [spec.parameters / 1e6 for spec in specs if spec.parameters],
        }
        for field, values in found.items():
            tolerance = {"params_millions": 0.01, "frame_rate_hz": 0.002}.get(field, 0)
            stated = fact[field]
            if stated is None or not values or (name, field) in OTHER:
                continue
            if not any(value == stated or (tolerance and abs(value / stated - 1) < tolerance) for value in values):
                wrong.append(f"{name} {field}: {stated}, ours {values}")
        for config in fact["configs"]:
            kbps, count = config["bitrate_kbps"], config["n_codebooks"]
            if "durations" in config["label"]:
                count = None  # our second codebook, which the sheet counts as none
            if kbps is None or (name, config["label"]) in ROUNDED:
                continue
            computed = [(spec.bitrate(count) or 0) / 1000 for spec in specs]
            if not any(abs(kbps - own) <= max(0.001 * kbps, 0.00051) for own in computed):
                wrong.append(f"{name} {config['label']}: {kbps}, ours {computed}")
            if not any(
                count in (None, *CODECS.get(ours).prefixes, len(spec.codebooks))
                or issubclass(CODECS.get(ours), PublishedOnly)
                for ours in names
                for spec in settings_of(ours)
            ):
                wrong.append(f"{name} {config['label']}: {count} codebooks are no setting")
    assert wrong == [], wrong


def token_rate(spec: CodecSpec) -> float:
    """Tokens per second where all codebooks count, as SemantiCodec's authors have it."""
    return float(sum(spec.token_rate(book) for book in range(len(spec.codebooks))))


def test_every_file_of_codecs_and_metrics_is_at_an_address() -> None:
    """None has to be put into a mirror by hand."""
    plugins = [CODECS.get(name) for name in CODECS.names()]
    files = {file for cls in plugins for file in cls.weights()}
    metrics = [METRICS.get(name) for name in METRICS.names()]
    metrics += [made.with_variant(name) for made in metrics if not callable(made.variants) for name in made.variants]
    files |= {file for made in metrics for file in made.weights}
    assert any(file.path.endswith("wavlm_large_finetune.pth") for file in files)
    assert len(files) > 100
    assert [file.path for file in files if not file.url.startswith("https://")] == []
