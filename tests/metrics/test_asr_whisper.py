"""Whisper by faster-whisper: a small random model in the real layout, names, files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.metrics import metric
from codec_bench.metrics.asr import Recogniser, backend
from codec_bench.metrics.asr_whisper import whisper_backend
from codec_bench.metrics.model import free_models, run_model
from codec_bench.metrics.signal import Recording

pytestmark = pytest.mark.long

pytest.importorskip("faster_whisper")

SPECIAL = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|zh|>", "<|de|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip

TIMES = 1501


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Whisper of one layer, as CTranslate2's converter writes it: what it hears is nonsense.

    Its vocabulary is that of bytes, so that CTranslate2 takes it for one that knows English only.
    """
    import torch
    from ctranslate2.converters.transformers import WhisperLoader
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokeniser = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokeniser.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokeniser.decoder = decoders.ByteLevel()
    tokeniser.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokens = [tokeniser.id_to_token(i) for i in range(tokeniser.get_vocab_size())]
    tokens += [f"<|{i * 0.02:.2f}|>" for i in range(TIMES)]
    end, start, *languages = (tokens.index(token) for token in SPECIAL[:5])
    torch.manual_seed(1)
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokens), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, pad_token_id=end, bos_token_id=end,
            eos_token_id=end, decoder_start_token_id=start,
        )
    )  # fmt: skip
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.mul_(6)
    spec = WhisperLoader().get_model_spec(model)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [end]
    spec.config.lang_ids, spec.config.alignment_heads = languages, [(0, 0)]
    spec.validate()
    spec.optimize(quantization=None)
    place = tmp_path_factory.mktemp("whisper") / "faster-whisper-nano"
    place.mkdir()
    spec.save(str(place))
    tokeniser.save(str(place / "tokenizer.json"))
    return place


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[Audio]:
    return [read_audio(file) for file in sorted((shared / "data" / "testB_pairs" / "GT").glob("*.flac"))[:2]]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    backend.cache_clear()
    free_models()


def texts(recogniser: Recogniser, *audios: Audio) -> list[str]:
    return [str(found.item()) for found in run_model(recogniser.model, audios, "cpu")]  # type: ignore[union-attr]


def test_equals_the_library(folder: Path, recordings: list[Audio]) -> None:
    from faster_whisper import WhisperModel

    library = WhisperModel(str(folder), device="cpu")
    expected = []
    for audio in recordings:
        segments, _ = library.transcribe(audio.samples, "en", temperature=0.0, condition_on_previous_text=False)
        expected.append("".join(segment.text for segment in segments).strip())
    assert len(set(expected)) == 2
    recogniser = whisper_backend(f"{folder}@en")
    assert texts(recogniser, *recordings) == expected
    assert [str(recogniser.function(audio).item()) for audio in recordings] == expected


def test_the_language_is_part_of_the_definition(folder: Path, recordings: list[Audio]) -> None:
    german, english, any_language = (whisper_backend(f"{folder}{end}") for end in ("@de", "@en", ""))
    assert len({german.fingerprint, english.fingerprint, any_language.fingerprint}) == 3
    assert (german.languages, any_language.languages) == (("de",), ())
    with pytest.raises(UnavailableError, match="does not know the language 'de'; it knows en"):
        texts(german, recordings[0])  # the library would take English


def test_silence_and_short_audio(folder: Path, recordings: list[Audio]) -> None:
    recogniser = whisper_backend(str(folder))
    silent, click = Audio(np.zeros(16_000, np.float32), 16_000), Audio(np.ones(1, np.float32), 16_000)
    found = texts(recogniser, silent, recordings[0], silent, click)
    assert found[0] == found[2] == ""
    assert found[1] == texts(recogniser, recordings[0])[0] != ""
    score = metric(f"wer[whisper:{folder}]")(None, np.zeros(16_000), 16_000, text="Nobody speaks.", language="en")
    assert score.value == 100


def test_the_place_of_a_folder_does_not_matter(folder: Path, tmp_path: Path) -> None:
    import shutil

    moved = Path(shutil.copytree(folder, tmp_path / folder.name))
    assert whisper_backend(str(moved)).fingerprint == whisper_backend(str(folder)).fingerprint
    (moved / "config.json").write_text((moved / "config.json").read_text() + " ")
    assert whisper_backend(str(moved)).fingerprint != whisper_backend(str(folder)).fingerprint


def test_files_may_come_from_several_mirrors(
    folder: Path, recordings: list[Audio], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codec_bench.hub import RemoteFile
    from codec_bench.metrics.asr_whisper import _load

    place = "hf/Systran/faster-whisper-nano"
    files = sorted(folder.iterdir())
    for i, file in enumerate(files):
        target = tmp_path / str(i % 2) / place / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"{tmp_path / '0'}:{tmp_path / '1'}")
    model = _load([RemoteFile(f"{place}/{file.name}") for file in files], "en", "cpu")
    segments, _ = model.transcribe(recordings[0].samples, "en", temperature=0.0)
    assert "".join(segment.text for segment in segments)


def test_sizes() -> None:
    made = whisper_backend("")
    assert [w.path.removeprefix("hf/Systran/faster-whisper-large-v3/") for w in made.model.weights] == [
        "model.bin", "config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.json",
    ]  # fmt: skip
    assert made.model.weights[0].size == 3_087_284_237 and made.model.is_heavy
    assert whisper_backend("large-v3").fingerprint == made.fingerprint
    assert (made.label, made.languages, made.expensive) == ("whisper", (), True)
    small = whisper_backend("tiny.en")
    assert [Path(w.path).name for w in small.model.weights] == [
        "model.bin", "config.json", "tokenizer.json", "vocabulary.txt",
    ]  # fmt: skip
    assert small.languages == ("en",) and small.fingerprint != made.fingerprint


def test_what_cannot_be_had(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="knows English only, not zh: take whisper:small@zh"):
        whisper_backend("small.en@zh")
    with pytest.raises(UsageError, match="unknown size of Whisper 'large-v4'; did you mean"):
        whisper_backend("large-v4")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"has no model.bin"):
        whisper_backend(str(tmp_path))
    (tmp_path / "model.bin").write_text("")
    with pytest.raises(UsageError, match=r"has no tokenizer.json"):  # the library would ask the network for one
        whisper_backend(str(tmp_path))
    with pytest.raises(UnavailableError, match="faster-whisper-tiny/"):
        run_model(whisper_backend("tiny").model, [Audio(np.ones(100, np.float32), 16_000)], "cpu")
    assert "codec-bench fetch metric:wer[whisper:tiny]" in (metric("wer[whisper:tiny]").unavailable() or "")


def test_importing_is_cheap() -> None:
    code = "import sys, codec_bench.metrics.asr_whisper; sys.exit('faster_whisper' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_published_tiny_model_on_real_pairs(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of faster-whisper itself on 30 recordings of LibriTTS and what two codecs made of them, in %."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    folder = shared / "data/testB_pairs"
    lines = (folder / "transcripts.tsv").read_text().splitlines()[1:]
    texts_of = dict(line.split("\t", 1) for line in lines)
    names = sorted(path.stem for path in (folder / "EnCodec").glob("*.flac"))
    assert len(names) == 30
    expected = {"GT": (5.87, 2.43), "EnCodec": (19.89, 10.09), "LLM-Codec": (25.00, 13.14)}
    for system, values in expected.items():
        signals = {name: Recording(read_audio(folder / system / f"{name}.flac")) for name in names}
        for base, value in zip(("wer", "cer"), values, strict=True):
            made = metric(f"{base}[whisper:tiny.en+whisper-english]")
            scores = [made.score(None, signals[name], texts_of[name], "en") for name in names]
            errors, words = (sum(getattr(score, part) for score in scores) for part in ("numerator", "denominator"))
            assert 100 * errors / words == pytest.approx(value, abs=0.005), (system, base)
