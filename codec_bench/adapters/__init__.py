"""Codecs behind one interface. The table says where each lives; nothing is imported until it is asked for."""

from __future__ import annotations

from codec_bench.adapters.codec import Codec, CodecSpec, Group, Prepared
from codec_bench.registry import Registry

CODECS: Registry[type[Codec]] = Registry(
    "codec",
    {
        "longcat": "codec_bench.adapters.longcat.adapter:LongCat",
        "longcat-24k": "codec_bench.adapters.longcat.adapter:LongCat24k",
        "longcat-24k-sft": "codec_bench.adapters.longcat.adapter:LongCat24kSft",
        "codec2": "codec_bench.adapters.codec2:Codec2",
        "opus": "codec_bench.adapters.pyav:Opus",
        "opus-cbr": "codec_bench.adapters.pyav:OpusCbr",
        "amr-nb": "codec_bench.adapters.pyav:AmrNb",
        "g722": "codec_bench.adapters.pyav:G722",
        "g723.1": "codec_bench.adapters.pyav:G7231",
        "g726": "codec_bench.adapters.pyav:G726",
        "mulaw": "codec_bench.adapters.pyav:MuLaw",
        "mp3": "codec_bench.adapters.pyav:Mp3",
        "aac": "codec_bench.adapters.pyav:Aac",
        "gsm": "codec_bench.adapters.libsndfile:Gsm610",
        "g721": "codec_bench.adapters.libsndfile:G721",
        "nms-adpcm": "codec_bench.adapters.libsndfile:NmsAdpcm",
        "lc3": "codec_bench.adapters.lc3:Lc3",
        "lyra": "codec_bench.adapters.lyra:Lyra",
        "test-identity": "codec_bench.testing.codecs:Identity",
        "test-lowpass": "codec_bench.testing.codecs:LowPass",
        "test-noise": "codec_bench.testing.codecs:Noise",
        "test-failing": "codec_bench.testing.codecs:Failing",
    },
    group="codec_bench.codecs",
)


def codec(cls: type[Codec]) -> type[Codec]:
    """Class decorator that registers a codec under its `name`."""
    return CODECS.add(cls.name, cls)


__all__ = ["CODECS", "Codec", "CodecSpec", "Group", "Prepared", "codec"]
