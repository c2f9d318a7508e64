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
        "mimi": "codec_bench.adapters.transformers.codecs:Mimi",
        "dac-16khz": "codec_bench.adapters.transformers.codecs:Dac16k",
        "dac-24khz": "codec_bench.adapters.transformers.codecs:Dac24k",
        "dac-44khz": "codec_bench.adapters.transformers.codecs:Dac44k",
        "encodec-24khz": "codec_bench.adapters.transformers.codecs:Encodec24k",
        "xcodec": "codec_bench.adapters.transformers.codecs:XCodec",
        "xcodec2": "codec_bench.adapters.transformers.codecs:XCodec2",
        "neucodec": "codec_bench.adapters.transformers.codecs:NeuCodec",
        "higgs-audio-v2": "codec_bench.adapters.transformers.codecs:HiggsAudioV2",
        "snac-24khz": "codec_bench.adapters.snac:Snac",
        "vocos-encodec": "codec_bench.adapters.vocos:VocosEncodec",
        "speechtokenizer": "codec_bench.adapters.speechtokenizer:SpeechTokenizer",
        "s3tokenizer-v1-50hz": "codec_bench.adapters.s3tokenizer:S3TokenizerV1",
        "s3tokenizer-v1-25hz": "codec_bench.adapters.s3tokenizer:S3TokenizerV1At25Hz",
        "s3tokenizer-v2-25hz": "codec_bench.adapters.s3tokenizer:S3TokenizerV2",
        "s3tokenizer-v3-25hz": "codec_bench.adapters.s3tokenizer:S3TokenizerV3",
        "wavtokenizer-small-40": "codec_bench.adapters.wavtokenizer:Small40",
        "wavtokenizer-small-75": "codec_bench.adapters.wavtokenizer:Small75",
        "wavtokenizer-medium-75": "codec_bench.adapters.wavtokenizer:Medium75",
        "wavtokenizer-large-40": "codec_bench.adapters.wavtokenizer:Large40",
        "wavtokenizer-large-75": "codec_bench.adapters.wavtokenizer:Large75",
        "bigcodec": "codec_bench.adapters.bigcodec:BigCodec",
        "facodec": "codec_bench.adapters.facodec:FaCodec",
        "hifi-codec-24k-320d": "codec_bench.adapters.academicodec:HiFiCodec24k320d",
        "hifi-codec-24k-240d": "codec_bench.adapters.academicodec:HiFiCodec24k240d",
        "hifi-codec-16k-320d": "codec_bench.adapters.academicodec:HiFiCodec16k320d",
        "ticodec": "codec_bench.adapters.academicodec:TiCodec",
        "bigvgan": "codec_bench.adapters.bigvgan:BigVgan",
        "llm-codec": "codec_bench.adapters.llm_codec:LlmCodec",
        "xy-tokenizer": "codec_bench.adapters.xy_tokenizer:XyTokenizer",
        "semanticodec": "codec_bench.adapters.semanticodec:SemantiCodec",
        "stable-codec": "codec_bench.adapters.stable_codec:StableCodec",
        "magicodec": "codec_bench.adapters.magicodec:MagiCodec",
        "lscodec-50hz": "codec_bench.adapters.lscodec:LsCodec50",
        "lscodec-25hz": "codec_bench.adapters.lscodec:LsCodec25",
        "hubert-km": "codec_bench.adapters.hubert_units:HubertUnits",
        "ts3-codec": "codec_bench.adapters.published_only:Ts3Codec",
        "bigcodec-streaming": "codec_bench.adapters.published_only:BigCodecStreaming",
        "hubert-km1000": "codec_bench.adapters.published_only:HubertUnits1000",
        "mhubert-km500-25hz": "codec_bench.adapters.published_only:MHubertUnits25Hz",
        "single-codec": "codec_bench.adapters.published_only:SingleCodec",
        "mimo-audio-tokenizer": "codec_bench.adapters.published_only:MimoAudioTokenizer",
        "distilcodec": "codec_bench.adapters.published_only:DistilCodec",
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
