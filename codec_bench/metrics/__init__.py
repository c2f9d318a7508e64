"""Metrics. The table says where each lives; nothing is imported before it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from codec_bench.errors import UsageError
from codec_bench.metrics.base import CorpusFunction, Metric, MetricValue, TrialFunction, Variants
from codec_bench.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "wer": "codec_bench.metrics.wer:word_error_rate",
        "cer": "codec_bench.metrics.wer:character_error_rate",
        "per": "codec_bench.metrics.wer:phone_error_rate",
        "dwer": "codec_bench.metrics.wer:word_difference_rate",
        "dcer": "codec_bench.metrics.wer:character_difference_rate",
        "dper": "codec_bench.metrics.wer:phone_difference_rate",
        "gpe": "codec_bench.metrics.pitch:gross_pitch_error",
        "pesq_wb": "codec_bench.metrics.pesq:pesq_wb",
        "stoi": "codec_bench.metrics.stoi:stoi",
        "secs": "codec_bench.metrics.secs:speaker_embedding_cosine_similarity",
        "sigmos": "codec_bench.metrics.sigmos:overall",
        "nisqa": "codec_bench.metrics.nisqa:quality",
        "utmos": "codec_bench.metrics.utmos:utmos",
        "utmosv2": "codec_bench.metrics.utmosv2:utmosv2",
        "distillmos": "codec_bench.metrics.distillmos:distillmos",
        "pesq_nb": "codec_bench.metrics.pesq:pesq_nb",
        "pesq_raw": "codec_bench.metrics.pesq:pesq_raw",
        "estoi": "codec_bench.metrics.stoi:estoi",
        "vde": "codec_bench.metrics.pitch:voicing_decision_error",
        "ffe": "codec_bench.metrics.pitch:f0_frame_error",
        "vuv_f1": "codec_bench.metrics.pitch:voicing_f1",
        "logf0_rmse": "codec_bench.metrics.pitch:log_f0_rmse",
        "logf0_corr": "codec_bench.metrics.pitch:log_f0_correlation",
        "mcd": "codec_bench.metrics.mcd:mel_cepstral_distortion",
        "si_sdr": "codec_bench.metrics.si_sdr:si_sdr",
        "mel_distance": "codec_bench.metrics.spectral:mel_distance",
        "stft_distance": "codec_bench.metrics.spectral:stft_distance",
        "mr_stft": "codec_bench.metrics.spectral:multi_resolution_stft",
        "mr_mel": "codec_bench.metrics.spectral:multi_resolution_mel",
        "mel_dac": "codec_bench.metrics.spectral:mel_distance_dac",
        "mel_dac_eval": "codec_bench.metrics.spectral:mel_distance_dac_eval",
        "stft_dac": "codec_bench.metrics.spectral:stft_distance_dac",
        "lsd": "codec_bench.metrics.spectral:log_spectral_distance",
        "warpq": "codec_bench.metrics.warpq:warp_q",
        "visqol": "codec_bench.metrics.visqol.scores:visqol",
        "visqol_lattice": "codec_bench.metrics.visqol.scores:visqol_lattice",
        "spk_sim": "codec_bench.metrics.speaker.wavlm:speaker_similarity",
        "campplus_sim": "codec_bench.metrics.speaker.campplus:campplus_similarity",
        "ecapa_sim": "codec_bench.metrics.speaker.ecapa:ecapa_similarity",
        "emo_sim": "codec_bench.metrics.emotion2vec:emotion_similarity",
        "eer": "codec_bench.metrics.speaker.eer:eer",
        "eer_enrolled": "codec_bench.metrics.speaker.eer:eer_enrolled",
        "vuv_f1_crepe": "codec_bench.metrics.crepe:voicing_f1_crepe",
        "sigmos.sig": "codec_bench.metrics.sigmos:signal_quality",
        "sigmos.noise": "codec_bench.metrics.sigmos:noisiness",
        "sigmos.col": "codec_bench.metrics.sigmos:coloration",
        "sigmos.disc": "codec_bench.metrics.sigmos:discontinuity",
        "sigmos.loud": "codec_bench.metrics.sigmos:loudness",
        "sigmos.reverb": "codec_bench.metrics.sigmos:reverberation",
        "nisqa.noi": "codec_bench.metrics.nisqa:noisiness",
        "nisqa.dis": "codec_bench.metrics.nisqa:discontinuity",
        "nisqa.col": "codec_bench.metrics.nisqa:coloration",
        "nisqa.loud": "codec_bench.metrics.nisqa:loudness",
        "nisqa_tts": "codec_bench.metrics.nisqa:naturalness",
        "dnsmos": "codec_bench.metrics.dnsmos:overall",
        "dnsmos.sig": "codec_bench.metrics.dnsmos:signal_quality",
        "dnsmos.bak": "codec_bench.metrics.dnsmos:background",
        "dnsmos.p808": "codec_bench.metrics.dnsmos:overall_p808",
        "plcmos": "codec_bench.metrics.plcmos:plcmos",
        "scoreq": "codec_bench.metrics.scoreq:scoreq",
        "scoreq_ref": "codec_bench.metrics.scoreq:scoreq_reference",
        "squim.stoi": "codec_bench.metrics.squim:predicted_stoi",
        "squim.pesq": "codec_bench.metrics.squim:predicted_pesq",
        "squim.si_sdr": "codec_bench.metrics.squim:predicted_si_sdr",
        "squim.mos": "codec_bench.metrics.squim:predicted_opinion",
        "audiobox.pq": "codec_bench.metrics.audiobox:production_quality",
        "audiobox.ce": "codec_bench.metrics.audiobox:content_enjoyment",
        "audiobox.cu": "codec_bench.metrics.audiobox:content_usefulness",
        "audiobox.pc": "codec_bench.metrics.audiobox:production_complexity",
        "speechbertscore": "codec_bench.metrics.speechbertscore:speechbertscore",
        "mosnet": "codec_bench.metrics.mosnet:mosnet",
        "fad": "codec_bench.metrics.fad:frechet_audio_distance",
    },
    group="codec_bench.metrics",
)

DEFAULT = (
    "wer", "cer", "gpe", "pesq_wb", "stoi", "secs", "sigmos", "nisqa", "utmos", "distillmos", "pesq_nb", "pesq_raw",
    "estoi", "vde", "ffe", "vuv_f1", "logf0_rmse", "logf0_corr", "mcd", "si_sdr", "mel_distance", "stft_distance",
    "mr_stft", "mr_mel",
)  # fmt: skip
"""What `--metrics default` means: the eight of the LongCat paper's tables, and what costs little in addition."""

GENERATED = (
    "wer", "cer", "per", "secs", "spk_sim", "campplus_sim", "ecapa_sim", "sigmos", "nisqa", "nisqa_tts", "utmos",
    "distillmos", "dnsmos",
)  # fmt: skip
"""What `default` means for generated speech, which has no recordings: MagiCodec's table 3 and its kin."""

RECOMMENDED = ("wer", "dwer", "secs", "nisqa", "distillmos", "warpq")
"""What docs/metrics.md trusts for codecs of different kinds: words, voice, and the three scores of quality that agree
best with listeners."""

ERROR_RATES = ("wer", "cer", "per", "dwer", "dcer", "dper")
"""What takes a recogniser as its variant."""

HEADLINE = ("wer", "gpe", "pesq_wb", "stoi", "secs")
"""The columns of the LongCat paper's reconstruction tables."""


def register_metric(
    name: str,
    *,
    unit: str = "",
    better: Literal["higher", "lower"],
    range: tuple[float | None, float | None] = (None, None),
    rate: int = 16_000,
    family: str = "quality",
    title: str = "",
    version: int = 1,
    packages: tuple[str, ...] = (),
    digits: int = 3,
    accepts_silence: bool = False,
    params: dict[str, Any] | None = None,
    variants: Variants | None = None,
    note: str = "",
    same_utterance: bool = True,
    tolerates_lag: bool = False,
    hears_polarity: bool = False,
    corpus: CorpusFunction | None = None,
    files: tuple[str, ...] = (),
    trials: TrialFunction | None = None,
) -> Callable[[Callable[..., MetricValue]], Metric]:
    """Decorator that registers a metric function; the arguments are those of `Metric`.

    A function that takes `reference` and `decoded` compares two signals; one that takes `text` and `decoded` compares
    with the transcript. It returns a float, which is averaged over utterances, or a `Ratio`, which is pooled.
    """

    def wrap(function: Callable[..., MetricValue]) -> Metric:
        made = Metric(
            name, function, unit, better, range, rate, family, title or name, version, packages, digits,
            accepts_silence, params or {}, {} if variants is None else variants, "", note,
            same_utterance=same_utterance, tolerates_lag=tolerates_lag, hears_polarity=hears_polarity, corpus=corpus,
            files=files, trials=trials,
        )  # fmt: skip
        return METRICS.add(name, made)

    return wrap


def metric(name: str) -> Metric:
    """A metric by name, e.g. `pesq_wb`, `gpe[praat]`, `wer[pocketsphinx]`, or `package.module:object`.

    Raises:
        UsageError: No such metric or variant.

    >>> metric("gpe").better
    'lower'
    """
    base, bracket, variant = name.partition("[")
    if bracket and not variant.endswith("]"):
        raise UsageError(f"metric {name!r} lacks its closing bracket")
    found = METRICS.get(base)
    if ":" in base:
        found = replace(found, origin=base)
    elif found.code:
        found = replace(found)  # one that has not kept what its source was for an earlier run
    return found.with_variant(variant[:-1]) if bracket else found


__all__ = ["DEFAULT", "HEADLINE", "METRICS", "RECOMMENDED", "Metric", "Variants", "metric", "register_metric"]
