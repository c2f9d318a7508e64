"""SpeechTokenizer: a residual quantizer whose first codebook is taught by HuBERT."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from codec_bench.adapters.neural import neural
from codec_bench.adapters.packages import PackageCodec, check_config, importing, load_state, read_state
from codec_bench.adapters.spec import Group
from codec_bench.errors import UnavailableError
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook, IntArray

RATE = 16_000
STRIDES = (8, 5, 4, 2)
HOP = 320
BOOKS = 8
SIZE = 1024

CONFIG, WEIGHTS = (f"speechtokenizer_hubert_avg/{name}" for name in ("config.json", "SpeechTokenizer.pt"))


class SpeechTokenizer(PackageCodec):
    """SpeechTokenizer (HuBERT average): 50 frames/s, 500 bit/s per codebook, any prefix of 8 codebooks.

    Source:
        Zhang et al., "SpeechTokenizer: Unified Speech Tokenizer for Speech Large Language Models", ICLR 2024;
        https://github.com/ZhangXInFD/SpeechTokenizer
    """

    name: ClassVar[str] = "speechtokenizer"
    packages: ClassVar[tuple[str, ...]] = ("torch", "speechtokenizer")
    prefixes: ClassVar[tuple[int, ...]] = tuple(range(1, BOOKS + 1))
    modules: ClassVar[tuple[str, ...]] = ("speechtokenizer", "einops")
    extra: ClassVar[str] = "speechtokenizer"
    takes_precision: ClassVar[bool] = True
    checkpoint_file: ClassVar[str] = WEIGHTS

    spec = neural(
        title="SpeechTokenizer",
        group=Group.SEMANTIC,
        input_rate=RATE,
        output_rate=RATE,
        codebooks=(Codebook(SIZE, HOP),) * BOOKS,
        semantic_codebooks=(0,),
        parameters=103_675_586,
        licence="Apache-2.0",
        source="https://github.com/ZhangXInFD/SpeechTokenizer",
        weights=hugging_face("fnlp/SpeechTokenizer", CONFIG, WEIGHTS),
    )

    def _load(self, folder: Path) -> Any:
        model_class = _model_class()
        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            expected = {"sample_rate": RATE, "strides": list(STRIDES), "n_q": BOOKS, "codebook_size": SIZE}
            check_config("config.json", config, expected)
            model = model_class(config)
        except (ValueError, TypeError, AttributeError) as error:
            raise UnavailableError(f"config.json is not a configuration of {self.name}: {error}") from error
        load_state(model, read_state(folder / WEIGHTS), "SpeechTokenizer.pt")
        return model.eval()

    def _codes(self, samples: Any) -> list[IntArray]:
        return list(self._model.encode(samples[None, None])[:, 0].cpu().numpy())

    def _samples(self, codes: list[Any]) -> Any:
        import torch

        return self._model.decode(torch.stack(codes)[:, None])[0, 0]

    def _quantized(self, codes: list[Any]) -> Any:
        import torch

        return self._model.quantizer.decode(torch.stack(codes)[:, None])[0].T


def _model_class() -> Any:
    """The package's model, without its trainer.

    The package imports its trainer with itself, and that needs beartype, accelerate and TensorBoard, which encoding and
    decoding do not. An empty module stands in for it while the package is imported.
    """
    trainer = "speechtokenizer.trainer"
    stand_in = ModuleType(trainer)
    stand_in.SpeechTokenizerTrainer = None  # type: ignore[attr-defined]
    loaded = trainer in sys.modules
    sys.modules.setdefault(trainer, stand_in)
    try:
        with importing("speechtokenizer"):
            from speechtokenizer.model import SpeechTokenizer as Model
    finally:
        if not loaded:
            del sys.modules[trainer]
    return Model
