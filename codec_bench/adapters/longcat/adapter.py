"""LongCat-Audio-Codec as codecs: one encoder, and a codec for each of the four decoders.

No digest of the published weights is known to this project. The digests of the files that are used are part of the
fingerprint, so a result says which weights made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from codec_bench.adapters.longcat.checkpoint import (
    DECODER_16K,
    DECODER_24K,
    ENCODER,
    CheckpointKind,
    identify,
    semantic_layers,
)
from codec_bench.adapters.replaceable import ReplaceableCodec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.hub import hugging_face
from codec_bench.inference import PRECISIONS
from codec_bench.tokens import Code, Codebook, Tokens

if TYPE_CHECKING:
    from codec_bench.adapters.longcat.model import LongCatDecoder, LongCatEncoder
    from codec_bench.adapters.longcat.streaming import StreamingDecoder

RATE = 16_000
HOP = 960
REPOSITORY = "meituan-longcat/LongCat-Audio-Codec"
MIRROR = "Vyvo-Research/LongCat-Audio-Codec"
"""Somebody else's copy of it, with a decoder that the authors' README does not name."""

FOLDER = f"hf/{REPOSITORY}/ckpts"
"""Where a mirror has the files."""

ENCODER_FILE = "LongCatAudioCodec_encoder.pt"
CMVN_FILE = "LongCatAudioCodec_encoder_cmvn.npy"

SEMANTIC = Codebook(8192, HOP)
ACOUSTIC = Codebook(8100, HOP, packed_bits=13)

ENCODER_PARAMETERS = 536_772_640


def _spec(
    title: str,
    output_rate: int,
    decoder_file: str,
    decoder: CheckpointKind,
    parameters: int,
    repository: str = REPOSITORY,
) -> CodecSpec:
    """The encoder with one of the decoders, of which `parameters` are, and which lies in `repository`."""
    return CodecSpec(
        title=f"LongCat-Audio-Codec ({title})",
        group=Group.SEMANTIC,
        input_rate=RATE,
        output_rate=output_rate,
        codebooks=(SEMANTIC, *[ACOUSTIC] * decoder.acoustic_codebooks),
        semantic_codebooks=(0,),
        parameters=ENCODER_PARAMETERS + parameters,
        causal=False,
        streaming=False,
        licence="MIT",
        source="https://github.com/meituan-longcat/LongCat-Audio-Codec",
        weights=(
            replace(hugging_face(REPOSITORY, f"ckpts/{ENCODER_FILE}")[0], rough_size=2_189_000_000),
            replace(hugging_face(REPOSITORY, f"ckpts/{CMVN_FILE}")[0], rough_size=2_000),
            replace(hugging_face(repository, f"ckpts/{decoder_file}")[0], rough_size=4 * parameters),
        ),
    )


class LongCat(ReplaceableCodec):
    """LongCat-Audio-Codec with the 16 kHz decoder, 16.67 frames/s, 2 to 4 codebooks: the one of the paper's tables.

    Recordings of more than 30 s are encoded in equal pieces of at most 30 s, cut at multiples of 960 samples at
    16 kHz; where pieces begin is kept in the tokens' side information `cuts`. All tokens are decoded at once: the
    decoder is made for endless streams, and what its LSTMs remember across a cut is what makes the cut inaudible.

    In another precision the encoder computes its products in it, and the decoder everything, with weights of half the
    size.

    Source:
        LongCat team, "LongCat-Audio-Codec: An Audio Tokenizer and Detokenizer Solution Designed for Speech Large
        Language Models", 2025; https://github.com/meituan-longcat/LongCat-Audio-Codec
    """

    name: ClassVar[str] = "longcat"
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    prefixes: ClassVar[tuple[int, ...]] = (2, 3, 4)  # the decoder needs the semantic codebook and an acoustic one
    any_prefix: ClassVar[bool] = False
    takes_precision: ClassVar[bool] = True

    decoder_file: ClassVar[str] = "LongCatAudioCodec_decoder_16k_4codebooks.pt"
    decoder_kind: ClassVar[CheckpointKind] = CheckpointKind(DECODER_16K, 3)
    spec = _spec("16 kHz", 16_000, decoder_file, decoder_kind, 162_459_042)

    _device: str | None = None
    _encoder: LongCatEncoder | None = None
    _decoder: LongCatDecoder | None = None

    # --- files ---------------------------------------------------------------------------------------------------

    def use_checkpoint(self, path: Path) -> None:
        """Replaces published files by others of the same architecture; to be called before `load`.

        Args:
            path: A folder with files of the published names (or with a folder `ckpts` of such), each of which replaces
                its namesake; or one file: `.npy` replaces the mel statistics, another one the encoder or the decoder,
                as its tensors tell.

        Raises:
            UnavailableError: There is nothing there that fits this codec.
        """
        self.close()
        places = {weight.path.rpartition("/")[2]: weight.path for weight in self.spec.weights}
        if path.is_dir():
            files = [(name, folder / name) for folder in (path / "ckpts", path) for name in places]
            found = {places[name]: file for name, file in files if file.is_file()}
            if not found:
                raise UnavailableError(f"the checkpoint {path} has none of {', '.join(places)}")
        elif path.is_file():
            found = {places[self._replaced_by(path)]: path}
        else:
            raise UnavailableError(f"the checkpoint {path} does not exist")
        self._replaced = found

    def _replaced_by(self, path: Path) -> str:
        """The name of the published file that a file replaces."""
        if path.suffix == ".npy":
            return CMVN_FILE
        if (kind := identify(path)).role == ENCODER:
            return ENCODER_FILE
        self._check_decoder(path, kind)
        return self.decoder_file

    @classmethod
    def _check_decoder(cls, path: Path, kind: CheckpointKind) -> None:
        if kind != cls.decoder_kind:
            raise UnavailableError(f"{path} is the {kind}, but {cls.name} decodes with the {cls.decoder_kind}")

    @property
    def decoder_dtype(self) -> str:
        """What the decoder's weights are kept in."""
        return PRECISIONS.get(self.precision, "float32")

    def _fingerprint_parts(self) -> Mapping[str, Any]:
        return {"decoder_dtype": self.decoder_dtype}

    # --- life ----------------------------------------------------------------------------------------------------

    def load(self, device: str = "cpu") -> None:
        """Reads encoder and decoder; on a CPU, most of their weights stay in their files until they are used.

        Raises:
            UnavailableError: A file is missing or is another file.
        """
        self.close()
        self._device = device
        try:
            self._loaded_decoder()
            self._loaded_encoder()
        except BaseException:
            self.close()
            raise

    @override
    def close(self) -> None:
        self._encoder = self._decoder = self._device = None

    def release_encoder(self) -> None:
        """Frees the encoder, three quarters of the weights; encoding again reads it again."""
        self._encoder = None

    def _loaded_encoder(self) -> LongCatEncoder:
        from codec_bench.adapters.longcat.model import LongCatEncoder

        if self._device is None:
            raise CodecError(f"{self.name} is not loaded")
        if self._encoder is None:
            path, cmvn, _ = self.weight_files().values()
            encoder = LongCatEncoder(path, cmvn, self._device, self.precision)
            wanted = len(self.spec.codebooks)
            if encoder.codebooks < wanted:
                raise UnavailableError(f"{path} has {encoder.codebooks} codebooks, {self.name} has {wanted}")
            self._encoder = encoder
        return self._encoder

    def _loaded_decoder(self) -> LongCatDecoder:
        from codec_bench.adapters.longcat.model import LongCatDecoder

        if self._device is None:
            raise CodecError(f"{self.name} is not loaded")
        if self._decoder is None:
            *_, path = self.weight_files().values()
            self._check_decoder(path, identify(path))
            self._decoder = LongCatDecoder(path, self._device, self.decoder_dtype)
        return self._decoder

    # --- coding --------------------------------------------------------------------------------------------------

    def _encode(self, samples: FloatArray) -> Tokens:
        return self._tokens(samples, self._loaded_encoder().encode(samples, len(self.spec.codebooks)))

    def _encode_batch(self, batch: Sequence[FloatArray]) -> list[Code]:
        codes = self._loaded_encoder().encode_batch(batch, len(self.spec.codebooks))
        return [self._tokens(samples, item) for samples, item in zip(batch, codes, strict=True)]

    def _tokens(self, samples: FloatArray, codes: NDArray[np.int64]) -> Tokens:
        """The tokens of a recording, with the places where it was cut."""
        from codec_bench.adapters.longcat.model import pieces

        cuts = np.array([begin for begin, _ in pieces(len(samples))[1:]], np.int64)
        return replace(self.tokens(codes), side={"cuts": cuts})

    def _decode(self, code: Code) -> FloatArray:
        return self._loaded_decoder().decode(self.stacked_books(code))

    def _decode_batch(self, batch: Sequence[Code]) -> list[FloatArray]:
        return self._loaded_decoder().decode_batch([self.stacked_books(code) for code in batch])

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """What the tokens stand for in the decoder.

        Args:
            tokens: Tokens of 1 to all codebooks.

        Returns:
            float32 `[frames, dimension]`: `codebook_0` (1280 for the published weights), `codebook_1`, ... (1024) for
            each codebook by itself; `semantic_embedding`, which is the first of them; and with more than one codebook,
            `acoustic_embedding`, the sum of the others.

        Raises:
            CodecError: The codec is not loaded.
        """
        semantic, *acoustic = parts = self._loaded_decoder().embeddings(self.stacked_books(tokens))
        named = {f"codebook_{i}": part for i, part in enumerate(parts)} | {"semantic_embedding": semantic}
        if acoustic:
            named["acoustic_embedding"] = np.sum(acoustic, axis=0, dtype=np.float32)
        return named

    @override
    def hidden_layers(self) -> int:
        path, *_ = self.weight_files().values()
        return semantic_layers(path)

    @override
    def _hidden(self, samples: FloatArray, layers: Sequence[int]) -> Mapping[int, NDArray[np.float32]]:
        return self._loaded_encoder().hidden_layers(samples, layers)

    def hidden_states(self, samples: FloatArray) -> NDArray[np.float32]:
        """What the semantic codebook quantises: float32 `[frames, dimension]` for 16 kHz samples `[n]`, n >= 1.

        Raises:
            CodecError: The codec is not loaded.
        """
        return self._loaded_encoder().hidden_states(samples)


class LongCat24k(LongCat):
    """LongCat-Audio-Codec with the 24 kHz decoder for 2 to 4 codebooks, which can decode a stream."""

    name: ClassVar[str] = "longcat-24k"
    decoder_file: ClassVar[str] = "LongCatAudioCodec_decoder_24k_4codebooks.pt"
    decoder_kind: ClassVar[CheckpointKind] = CheckpointKind(DECODER_24K, 3)
    spec = _spec("24 kHz", 24_000, decoder_file, decoder_kind, 150_902_178)

    def stream(self) -> StreamingDecoder:
        """A session that decodes a stream of frames; the 16 kHz decoder looks too far ahead for that.

        Raises:
            CodecError: The codec is not loaded.
        """
        from codec_bench.adapters.longcat.streaming import StreamingDecoder

        return StreamingDecoder(self._loaded_decoder(), self.codebooks)


class LongCat24kAugSft(LongCat24k):
    """LongCat-Audio-Codec with a 24 kHz decoder for 2 to 4 codebooks called `aug_sft`, which can decode a stream.

    It is known from somebody else's copy of the published files alone, whose name says that it was tuned with augmented
    speech; the authors say nothing about it. It is built as the 24 kHz decoder for as many codebooks, and refused if
    its tensors are others.
    """

    name: ClassVar[str] = "longcat-24k-aug-sft"
    decoder_file: ClassVar[str] = "LongCatAudioCodec_decoder_24k_4codebooks_aug_sft.pt"
    spec = _spec(
        "24 kHz, tuned, augmented", 24_000, decoder_file, LongCat24k.decoder_kind, 150_902_178, repository=MIRROR
    )


class LongCat24kSft(LongCat24k):
    """LongCat-Audio-Codec with the 24 kHz decoder that was tuned to a few speakers, for 2 codebooks."""

    name: ClassVar[str] = "longcat-24k-sft"
    prefixes: ClassVar[tuple[int, ...]] = (2,)
    decoder_file: ClassVar[str] = "LongCatAudioCodec_decoder_24k_2codebooks.pt"
    decoder_kind: ClassVar[CheckpointKind] = CheckpointKind(DECODER_24K, 1)
    spec = _spec("24 kHz, tuned to few speakers", 24_000, decoder_file, decoder_kind, 150_845_986)
