"""The codecs of transformers, one class each: what it is, how its model is called, and where that differs.

Bitrates follow from hop and codebooks. Numbers of parameters are those of the published configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.adapters.transformers.codec import CONFIG_FILE, EXTRACTOR_FILE, WEIGHTS_FILE, TransformersCodec
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook, IntArray


def _files(repository: str, *names: str) -> tuple[RemoteFile, ...]:
    return hugging_face(repository, CONFIG_FILE, WEIGHTS_FILE, *names)


def _published(
    spec: CodecSpec, rate: str = "sampling_rate", hop: str = "hop_length", codebooks: str = "num_quantizers"
) -> dict[str, Any]:
    """What a configuration says of rate, hop and codebooks, by its names of them."""
    book = spec.codebooks[0]
    return {rate: spec.input_rate, hop: book.hop, codebooks: len(spec.codebooks), "codebook_size": book.size}


class Mimi(TransformersCodec):
    """Mimi at 24 kHz, 12.5 frames/s, 1 to 32 codebooks, the first of them semantic. The authors' own setting is 8.

    Source:
        A. Defossez et al., "Moshi: a speech-text foundation model for real-time dialogue", 2024
    """

    name: ClassVar[str] = "mimi"
    prefixes: ClassVar[tuple[int, ...]] = (4, 8, 16, 32)
    model_class: ClassVar[str] = "MimiModel"
    spec = CodecSpec(
        title="Mimi",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(2048, 1920),) * 32,
        semantic_codebooks=(0,),
        parameters=79_308_609,
        causal=True,
        streaming=True,
        licence="Apache-2.0",
        weights_licence="CC-BY-4.0",
        source="https://github.com/kyutai-labs/moshi",
        weights=_files("kyutai/mimi"),
    )
    published: ClassVar[Mapping[str, Any]] = {**_published(spec, hop="frame_size"), "num_semantic_quantizers": 1}

    def _embedding(self, book: int, codes: Any) -> Any:
        quantizer = self._model.quantizer
        semantic, acoustic = quantizer.semantic_residual_vector_quantizer, quantizer.acoustic_residual_vector_quantizer
        part, layer = (semantic, book) if book == 0 else (acoustic, book - 1)
        found = part.layers[layer].decode(codes)
        return found if part.output_proj is None else part.output_proj(found)


def _dac(rate: int, hop: int, codebooks: int, parameters: int, delay: int = 0) -> CodecSpec:
    """What one of the three sizes is.

    The transposed convolution of stride 5 at 16 and 24 kHz gives a sample too few, which the later ones make 8. The
    weights were trained as if these were missing at the beginning, so that the output is early by as much: published
    outputs at 6 kbit/s have a correlation of 0.43 with their inputs, and of 0.98 eight samples on.
    """
    size = f"{rate // 1000}khz"
    return neural(
        title=f"DAC ({rate / 1000:g} kHz)",
        group=Group.ACOUSTIC,
        input_rate=rate,
        output_rate=rate,
        codebooks=(Codebook(1024, hop),) * codebooks,
        parameters=parameters,
        delay=delay,
        licence="Apache-2.0",
        weights_licence="MIT",
        source="https://github.com/descriptinc/descript-audio-codec",
        weights=_files(f"descript/dac_{size}"),
    )


class Dac16k(TransformersCodec):
    """Descript Audio Codec at 16 kHz, 50 frames/s, 1 to 12 codebooks.

    Levels are coded as they are; the authors' command line normalises recordings to -24 dB first.

    Source:
        R. Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN", NeurIPS 2023
    """

    name: ClassVar[str] = "dac-16khz"
    prefixes: ClassVar[tuple[int, ...]] = (1, 2, 4, 6, 8, 12)
    model_class: ClassVar[str] = "DacModel"
    whole_frames: ClassVar[bool] = True
    spec = _dac(16_000, 320, 12, 74_141_697, delay=-8)
    published: ClassVar[Mapping[str, Any]] = _published(spec, codebooks="n_codebooks")

    def _embedding(self, book: int, codes: Any) -> Any:
        layer = self._model.quantizer.quantizers[book]
        return layer.out_proj(layer.codebook(codes).transpose(1, 2))


class Dac24k(Dac16k):
    """Descript Audio Codec at 24 kHz, 75 frames/s, 1 to 32 codebooks."""

    name: ClassVar[str] = "dac-24khz"
    prefixes: ClassVar[tuple[int, ...]] = (2, 4, 8, 16, 32)
    spec = _dac(24_000, 320, 32, 74_653_857, delay=-8)
    published: ClassVar[Mapping[str, Any]] = _published(spec, codebooks="n_codebooks")


class Dac44k(Dac16k):
    """Descript Audio Codec at 44.1 kHz, 86.13 frames/s, 1 to 9 codebooks."""

    name: ClassVar[str] = "dac-44khz"
    prefixes: ClassVar[tuple[int, ...]] = (2, 4, 9)
    spec = _dac(44_100, 512, 9, 76_620_777)
    published: ClassVar[Mapping[str, Any]] = _published(spec, codebooks="n_codebooks")


class Encodec24k(TransformersCodec):
    """EnCodec at 24 kHz, 75 frames/s, 1 to 32 codebooks; 2, 4, 8, 16 and 32 are the official 1.5 to 24 kbit/s.

    Source:
        A. Defossez et al., "High Fidelity Neural Audio Compression", TMLR 2023
    """

    name: ClassVar[str] = "encodec-24khz"
    prefixes: ClassVar[tuple[int, ...]] = (2, 4, 8, 16, 32)
    model_class: ClassVar[str] = "EncodecModel"
    encode_options: ClassVar[Mapping[str, Any]] = {"bandwidth": 24.0}
    spec = CodecSpec(
        title="EnCodec (24 kHz)",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(1024, 320),) * 32,
        parameters=14_851_810,
        causal=True,
        streaming=True,
        licence="Apache-2.0",
        weights_licence="not stated",
        source="https://github.com/facebookresearch/encodec",
        weights=_files("facebook/encodec_24khz"),
    )
    published: ClassVar[Mapping[str, Any]] = {
        **_published(spec),
        "audio_channels": 1,
        "normalize": False,
        "chunk_length_s": None,
    }

    def _stacked_codes(self, samples: Any) -> IntArray:
        chunk: IntArray = super()._stacked_codes(samples)[0]  # the 24 kHz model codes a recording as one chunk
        return chunk

    def _stacked_samples(self, codes: Any) -> Any:
        return self._model.decode(codes[None], [None]).audio_values[:, 0]


def _xcodec(title: str, checkpoint: str, parameters: int = 160_698_625, licence: str = "not stated") -> CodecSpec:
    return neural(
        title=f"X-Codec ({title})",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, 320),) * 8,
        parameters=parameters,
        licence="Apache-2.0",
        weights_licence=licence,
        source="https://github.com/zhenye234/xcodec",
        weights=_files(f"hf-audio/xcodec-{checkpoint}"),
    )


class XCodec(TransformersCodec):
    """X-Codec at 16 kHz, 50 frames/s, 1 to 8 codebooks, with HuBERT features; the one trained on LibriSpeech.

    It turns the waveform upside down: the published errors of its authors' conversion are those of a correlation with
    the input of -0.40 with one codebook to -0.74 with eight, and their own decoded example has -0.40.

    Source:
        Z. Ye et al., "Codec Does Matter: Exploring the Semantic Shortcoming of Codec for Audio Language Model",
        AAAI 2025
    """

    name: ClassVar[str] = "xcodec"
    prefixes: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 8)
    model_class: ClassVar[str] = "XcodecModel"
    whole_frames: ClassVar[bool] = True
    layers: ClassVar[str] = "quantizers"
    spec = replace(_xcodec("HuBERT, LibriSpeech", "hubert-librispeech"), polarity=-1)
    published: ClassVar[Mapping[str, Any]] = _published(spec, rate="sample_rate")


XCODECS = XCodec.checkpoints(
    {
        # Trained on sounds of all kinds, with features of a HuBERT that was, too.
        "xcodec-hubert-general": _xcodec("HuBERT, general", "hubert-general"),
        "xcodec-hubert-general-balanced": _xcodec("HuBERT, general balanced", "hubert-general-balanced"),
        # Trained on the English of MLS, and on that and more, with features of WavLM base+.
        "xcodec-wavlm-mls": _xcodec("WavLM, MLS", "wavlm-mls", 160_708_849),
        "xcodec-wavlm-more-data": _xcodec("WavLM, more data", "wavlm-more-data", 160_708_849, "CC-BY-4.0"),
    }
)


class HiggsAudioV2(TransformersCodec):
    """The tokenizer of Higgs Audio v2 at 24 kHz, 25 frames/s, 1 to 8 codebooks, with HuBERT features.

    The defaults of transformers describe another model; the published configuration is the one that is checked.

    Source:
        Boson AI, "Higgs Audio v2", 2025; https://github.com/boson-ai/higgs-audio
    """

    name: ClassVar[str] = "higgs-audio-v2"
    packages: ClassVar[tuple[str, ...]] = (*TransformersCodec.packages, "torchaudio")
    prefixes: ClassVar[tuple[int, ...]] = (2, 4, 6, 8)
    model_class: ClassVar[str] = "HiggsAudioV2TokenizerModel"
    whole_frames: ClassVar[bool] = True
    layers: ClassVar[str] = "quantizers"
    spec = neural(
        title="Higgs Audio v2 tokenizer",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(1024, 960),) * 8,
        parameters=200_343_777,
        licence="Apache-2.0",
        weights_licence="Boson Higgs Audio 2 Community License",
        source="https://github.com/boson-ai/higgs-audio",
        weights=_files("bosonai/higgs-audio-v2-tokenizer"),
    )
    published: ClassVar[Mapping[str, Any]] = _published(spec, rate="sample_rate")


class XCodec2(TransformersCodec):
    """X-Codec2 at 16 kHz, 50 frames/s, one codebook of 65536 entries.

    The feature extractor adds a sample before it fills the last frame, so that recordings of whole frames have a frame
    more than they last. It is kept: the decoder looks at all frames.

    Source:
        Z. Ye et al., "Llasa: Scaling Train-Time and Inference-Time Compute for Llama-based Speech Synthesis", 2025
    """

    name: ClassVar[str] = "xcodec2"
    packages: ClassVar[tuple[str, ...]] = (*TransformersCodec.packages, "torchaudio")
    takes_precision: ClassVar[bool] = False  # the index of an entry is a sum in the precision of its digits
    prefixes: ClassVar[tuple[int, ...]] = (1,)
    model_class: ClassVar[str] = "Xcodec2Model"
    extractor_class: ClassVar[str | None] = "Xcodec2FeatureExtractor"
    published: ClassVar[Mapping[str, Any]] = {
        "sampling_rate": 16_000,
        "hop_length": 320,
        "quantization_levels": [4] * 8,
    }
    spec = neural(
        title="X-Codec2",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(65_536, 320),),
        parameters=629_281_706,
        licence="Apache-2.0",
        weights_licence="CC-BY-NC-4.0",
        source="https://huggingface.co/HKUSTAudio/xcodec2",
        weights=_files("HKUSTAudio/xcodec2-hf", EXTRACTOR_FILE),
    )

    def _embedding(self, book: int, codes: Any) -> Any:
        return self._model.quantizer.from_codes(codes[..., None]).transpose(1, 2)


class NeuCodec(XCodec2):
    """NeuCodec, 16 kHz in and 24 kHz out, 50 frames/s, one codebook of 65536 entries.

    As in the authors' own code, only frames that the recording fills are coded: up to 20 ms at its end become silence.

    Source:
        H. Julian et al., "Finite Scalar Quantization Enables Redundant and Transmission-Robust Neural Audio Compression
        at Low Bit-rates", 2025
    """

    name: ClassVar[str] = "neucodec"
    model_class: ClassVar[str] = "NeuCodecModel"
    extractor_class: ClassVar[str | None] = "NeuCodecFeatureExtractor"
    published: ClassVar[Mapping[str, Any]] = {
        "input_sampling_rate": 16_000,
        "output_sampling_rate": 24_000,
        "encoder_hop_length": 320,
        "quantization_levels": [4] * 8,
    }
    spec = neural(
        title="NeuCodec",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=24_000,
        codebooks=(Codebook(65_536, 320),),
        parameters=629_937_706,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/neuphonic/neucodec",
        weights=_files("neuphonic/neucodec", EXTRACTOR_FILE),
        min_samples=320,
    )


def _wavtokenizer(title: str, checkpoint: str, hop: int = 320, parameters: int = 71_750_146) -> CodecSpec:
    """A checkpoint. Papers count 8.8 million parameters more: EnCodec's decoder, which is there and never used."""
    return neural(
        title=f"WavTokenizer {title}, {24_000 // hop} tokens/s",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(4096, hop),),
        parameters=parameters,
        licence="MIT",
        weights_licence="MIT",
        source="https://github.com/jishengpeng/WavTokenizer",
        weights=_files(f"swiss-ai/wavtokenizer-{checkpoint}"),
    )


class WavTokenizer(TransformersCodec):
    """A checkpoint of WavTokenizer at 24 kHz and 75 tokens/s of 4096 entries, 0.9 kbit/s.

    Swiss AI converted the authors' files; with random weights transformers and the authors' code give the same codes,
    and audio that differs by rounding.

    Source:
        S. Ji et al., "WavTokenizer: an Efficient Acoustic Discrete Codec Tokenizer for Audio Language Modeling",
        ICLR 2025
    """

    prefixes: ClassVar[tuple[int, ...]] = (1,)
    model_class: ClassVar[str] = "WavTokenizerModel"
    published: ClassVar[Mapping[str, Any]] = {"sampling_rate": 24_000, "hop_length": 320, "codebook_size": 4096}

    def _embedding(self, book: int, codes: Any) -> Any:
        return self._model.encoder_model.quantizer.decode(codes)


class WavTokenizer40(WavTokenizer):
    """A checkpoint of WavTokenizer at 24 kHz and 40 tokens/s of 4096 entries, 0.48 kbit/s."""

    published: ClassVar[Mapping[str, Any]] = {**WavTokenizer.published, "hop_length": 600}


WAVTOKENIZERS = {
    # Trained on LibriTTS (small), on 5,000 hours of speech or of music and sounds (medium), on 80,000 of all (large).
    **WavTokenizer40.checkpoints(
        {
            "wavtokenizer-small-40": _wavtokenizer("small", "small-speech-40token", 600, 72_111_714),
            "wavtokenizer-large-40": _wavtokenizer("large (unify)", "large-unify-40token", 600, 72_111_714),
        }
    ),
    **WavTokenizer.checkpoints(
        {
            "wavtokenizer-small-75": _wavtokenizer("small", "small-speech-75token"),
            "wavtokenizer-medium-75": _wavtokenizer("medium (speech)", "medium-speech-75token-v2"),
            "wavtokenizer-medium-75-v1": _wavtokenizer("medium (speech, v1)", "medium-speech-75token"),
            "wavtokenizer-medium-music-75": _wavtokenizer("medium (music)", "medium-music-audio-75token-v2"),
            "wavtokenizer-medium-music-75-v1": _wavtokenizer("medium (music, v1)", "medium-music-audio-75token"),
            "wavtokenizer-large-75": _wavtokenizer("large (speech)", "large-speech-75token-v2"),
        }
    ),
}
