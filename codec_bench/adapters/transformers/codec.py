"""The adapter of all codecs of transformers; `codecs.py` describes each of them.

All codebooks are encoded, and a setting decodes the first of them: what a residual quantizer finds for one codebook
does not depend on those after it, so this equals encoding at the lower bitrate.

No digest of the published weights is known to this project. The digests of the files that are used are part of the
fingerprint, so a result says which weights made it.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from codec_bench.adapters.torch_codec import TorchCodec, as_samples, of_equal_size
from codec_bench.audio import FloatArray, fit
from codec_bench.errors import UnavailableError, first_line
from codec_bench.extras import cannot_import, pretrained, silent_transformers
from codec_bench.tokens import Code, IntArray, Tokens

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
EXTRACTOR_FILE = "preprocessor_config.json"

EXTRA = "transformers"

UNUSED = re.compile(r"masked_spec_embed$|^decoder_semantic\.|^fc1\.|\.(cluster_size|embed_avg|inited|initialized)$")
"""Tensors that only training looks at: a checkpoint may lack them."""


class TransformersCodec(TorchCodec):
    """A codec of transformers, as its class attributes describe it.

    Class attributes:
        model_class: Name of the model in transformers.
        extractor_class: Name of the feature extractor, for models that take more than samples.
        published: What the configuration of the published model says. A file that says something else is another
            model, whose bitrate would be stated wrongly.
        encode_options: Arguments of the model's `encode` that give all codebooks.
        whole_frames: Whether the model takes whole frames only; zeros fill the last one, as its feature extractor does.
        layers: Name of the list of codebooks in the model's quantizer.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    takes_precision: ClassVar[bool] = True
    checkpoint_file: ClassVar[str] = WEIGHTS_FILE

    model_class: ClassVar[str]
    extractor_class: ClassVar[str | None] = None
    published: ClassVar[Mapping[str, Any]]
    encode_options: ClassVar[Mapping[str, Any]] = {}
    whole_frames: ClassVar[bool] = False
    layers: ClassVar[str] = "layers"

    _extractor: Any = None

    @classmethod
    def unsupported(cls) -> str | None:
        """Says so where a package is missing, or where torchaudio is there and cannot be imported: transformers imports
        it for every audio model.
        """
        has_torchaudio = importlib.util.find_spec("torchaudio") is not None
        return cannot_import((*cls.packages, "torchaudio") if has_torchaudio else cls.packages, EXTRA)

    @override
    def close(self) -> None:
        super().close()
        self._extractor = None

    # --- loading -------------------------------------------------------------------------------------------------

    def _load(self, folder: Path) -> Any:
        from huggingface_hub.errors import StrictDataclassError
        from safetensors import SafetensorError

        try:
            with silent_transformers():
                model, absent = pretrained(_imported(self.model_class), folder, use_safetensors=True)
                if self.extractor_class is not None:
                    extractor = _imported(self.extractor_class)
                    self._extractor = extractor.from_pretrained(folder, local_files_only=True)
        # What a damaged file or one of another model makes transformers raise.
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError, StrictDataclassError) as error:
            raise UnavailableError(f"the files of {self.name} cannot be loaded: {first_line(error)}") from error
        except ImportError as error:
            raise UnavailableError(f"{self.name} cannot be imported: {first_line(error)}") from error
        self._check(model.config, absent)
        return model

    def _check(self, config: Any, missing: Sequence[str]) -> None:
        """Raises UnavailableError if the files are not those of this codec; transformers would only warn."""
        for name, value in self.published.items():
            found = getattr(config, name, None)
            if (list(found) if isinstance(found, tuple) else found) != value:
                raise UnavailableError(f"{CONFIG_FILE} is not that of {self.name}: {name} is {found}, not {value}")
        absent = [key for key in missing if not UNUSED.search(key)]
        if absent:
            raise UnavailableError(
                f"{WEIGHTS_FILE} is not that of {self.name}: it lacks {len(absent)} tensors, e.g. {absent[0]}"
            )

    # --- coding --------------------------------------------------------------------------------------------------

    def _codes(self, samples: Any) -> list[IntArray]:
        return list(self._stacked_codes(samples[None])[0])

    def _samples(self, codes: list[Any]) -> Any:
        import torch

        return self._stacked_samples(torch.stack(codes)[None])[0]

    def _encode(self, samples: FloatArray) -> Code:
        return super()._encode(self._filled(samples))

    def _encode_batch(self, batch: Sequence[FloatArray]) -> list[Code]:
        filled = [self._filled(samples) for samples in batch]
        codes: dict[int, Code] = {}
        for group in of_equal_size([len(samples) for samples in filled]):
            with self._inference():
                stacked = self._stacked_codes(self._tensor(np.stack([filled[i] for i in group])))
            codes |= {i: self.tokens(item) for i, item in zip(group, stacked, strict=True)}
        return [codes[i] for i in range(len(batch))]

    def _decode_batch(self, batch: Sequence[Code]) -> list[FloatArray]:
        books = [np.stack(self.books(code)) for code in batch]
        decoded: dict[int, FloatArray] = {}
        for group in of_equal_size([item.shape[1] for item in books]):
            with self._inference():
                stacked = as_samples(self._stacked_samples(self._tensor(np.stack([books[i] for i in group]))))
            decoded |= dict(zip(group, stacked, strict=True))
        return [decoded[i] for i in range(len(batch))]

    def _filled(self, samples: FloatArray) -> FloatArray:
        """Samples `[n]` with zeros up to the end of the last frame, for models that need it."""
        hop = self.spec.codebooks[0].hop
        return fit(samples, -(-len(samples) // hop) * hop) if self.whole_frames else samples

    def _stacked_codes(self, samples: Any) -> IntArray:
        """int64 `[batch, codebooks, frames]` for a float32 tensor `[batch, n]`."""
        if self._extractor is None:
            inputs = {"input_values": samples[:, None]}
        else:
            rate = self.spec.input_rate
            extracted = self._extractor(list(samples.cpu().numpy()), sampling_rate=rate, return_tensors="pt")
            inputs = {name: tensor.to(self._device) for name, tensor in extracted.items()}
        codes = self._model.encode(**inputs, **self.encode_options).audio_codes
        return np.asarray(codes.cpu().numpy(), np.int64)

    def _stacked_samples(self, codes: Any) -> Any:
        """A tensor `[batch, m]` for an int64 tensor `[batch, codebooks, frames]`."""
        return self._model.decode(audio_codes=codes).audio_values.reshape(len(codes), -1)

    # --- latents -------------------------------------------------------------------------------------------------

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """What the tokens stand for in the decoder.

        Args:
            tokens: Tokens of 1 to all codebooks.

        Returns:
            float32 `[frames, dimension]`: `codebook_0`, `codebook_1`, ... for each codebook by itself, and `quantized`,
            their sum, which is what the decoder takes.

        Raises:
            CodecError: The codec is not loaded.
        """
        books = self.books(tokens)
        with self._inference():
            parts = [as_samples(self._embedding(i, self._tensor(codes)[None])[0].T) for i, codes in enumerate(books)]
        return {f"codebook_{i}": part for i, part in enumerate(parts)} | {"quantized": np.sum(parts, axis=0)}

    def _embedding(self, book: int, codes: Any) -> Any:
        """What a codebook adds to the decoder's input: `[1, dimension, frames]` for an int64 tensor `[1, frames]`."""
        return getattr(self._model.quantizer, self.layers)[book].decode(codes)


def _imported(name: str) -> Any:
    """A class of transformers.

    Raises:
        ImportError: transformers does not have it, or cannot import what it needs.
    """
    import transformers

    try:
        return getattr(transformers, name)
    except AttributeError:
        found = transformers.__version__
        raise ImportError(
            f"transformers {found} has no {name}: pip install 'codec-bench[{EXTRA}]' installs one that does"
        ) from None
