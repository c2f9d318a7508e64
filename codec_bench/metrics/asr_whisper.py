"""OpenAI Whisper by faster-whisper (CTranslate2): the backend `whisper`.

Beam search of width 5 at temperature 0, without the text of the window before, so that a transcript depends on nothing
but the signal: the fallback to higher temperatures, which draws at random, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.files import linked_folder
from codec_bench.hub import RemoteFile, locate
from codec_bench.languages import code_of
from codec_bench.metrics.asr import Recogniser, SpeechModel, model_recogniser, own_model, transcripts
from codec_bench.metrics.resampling import FFMPEG
from codec_bench.metrics.signal import Array
from codec_bench.processes.pool import worker_count
from codec_bench.registry import unknown

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

DEFAULT = "large-v3"

_MODELS = {
    # size: repository on Hugging Face, commit, SHA-256 and bytes of model.bin
    "tiny": (
        "Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356",
        "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1", 75_538_270,
    ),
    "tiny.en": (
        "Systran/faster-whisper-tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502,
    ),
    "base": (
        "Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", 145_217_532,
    ),
    "base.en": (
        "Systran/faster-whisper-base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c",
        "2a166925539a16005f14ff328359f9b9adb9dc4fb631bb3b227526862e93e2ef", 145_216_508,
    ),
    "small": (
        "Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120",
        "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671", 483_546_902,
    ),
    "small.en": (
        "Systran/faster-whisper-small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f",
        "62b2a45b05ee59acb4a5341b33ee35e041395d378d418a18acfe4c9e768ee37a", 483_545_366,
    ),
    "medium": (
        "Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f",
        "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae", 1_527_906_378,
    ),
    "medium.en": (
        "Systran/faster-whisper-medium.en", "a29b04bd15381511a9af671baec01072039215e3",
        "11b220779aea4c6f3ce9d2549c8a95ea869ed84066864b999531ef53e594fe5b", 1_527_904_330,
    ),
    "large-v1": (
        "Systran/faster-whisper-large-v1", "b07c8d4be0be90092aa01a29c975077acb8d15c9",
        "a3cce8081a5414206ab09a80aa410ebf9965feef52adafeead13f4a83398b1d1", 3_086_912_962,
    ),
    "large-v2": (
        "Systran/faster-whisper-large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e",
        "bf2a9746382e1aa7ffff6b3a0d137ed9edbd9670c3b87e5d35f5e85e70d0333a", 3_086_912_962,
    ),
    "large-v3": (
        "Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1", 3_087_284_237,
    ),
    "large-v3-turbo": (
        "deepdml/faster-whisper-large-v3-turbo-ct2", "4df90f75321148c3a29a9e2351b7ddf8f5b115a8",
        "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da", 1_617_884_929,
    ),
}  # fmt: skip

_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_FILES_OF_VERSION_3 = ("config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.json")


def whisper_backend(model: str) -> Recogniser:
    """`whisper`, `whisper:SIZE` or `whisper:/path/to/folder` of a CTranslate2 model; a suffix `@en` sets the language.

    The language is written in any of the usual ways: `@en`, `@eng`, `@English` are the same recogniser.

    Without a language the model finds out by itself what is spoken in each signal, and may be wrong where a codec has
    damaged it.

    Raises:
        UsageError: There is no such size, or the folder does not hold such a model.

    >>> whisper_backend("small.en").languages, whisper_backend("large-v3@zh").label
    (('en',), 'whisper:large-v3@zh')
    """
    name, _, language = model.partition("@")
    language = _WHISPERS_OWN.get(code_of(language), code_of(language))
    weights = _weights(name or DEFAULT)
    if name.endswith(".en") and language not in ("", "en"):
        raise UsageError(f"whisper:{name} knows English only, not {language}: take whisper:{name[:-3]}@{language}")
    if name.endswith(".en"):
        language = "en"
    stem = name if name in _MODELS else Path(name).name
    made = SpeechModel(
        f"whisper/{stem or DEFAULT}{f'@{language}' if language else ''}",
        partial(_load, weights, language),
        partial(_apply, language),
        weights=weights,
        packages=("faster-whisper", "ctranslate2", "tokenizers"),
        modules=("faster_whisper",),
        extra="whisper",
        licence="" if _is_folder(name) else "MIT",
        version=2,
        is_heavy=True,
        batch_seconds=60.0,  # a core hears one signal at a time: more at once would only hide how far it is
    )
    shown = f"{own_model(weights[0])}{f'@{language}' if language else ''}" if _is_folder(name) else model
    return model_recogniser(made, f"whisper:{shown}" if model else "whisper", (language,) if language else (), FFMPEG)


_WHISPERS_OWN = {"jv": "jw"}
"""Codes of languages that Whisper writes in its own way."""


def _is_folder(name: str) -> bool:
    return "/" in name


def _weights(name: str) -> tuple[RemoteFile, ...]:
    if _is_folder(name):
        return _weights_of_folder(Path(name).expanduser().resolve())
    if name not in _MODELS:
        raise UsageError(f"{unknown('size of Whisper', name, list(_MODELS))} (or the path of a CTranslate2 folder)")
    repository, commit, sha256, size = _MODELS[name]
    files = _FILES_OF_VERSION_3 if name.startswith("large-v3") else _FILES
    return (
        RemoteFile(f"hf/{repository}/model.bin", sha256, size, revision=commit),
        *(RemoteFile(f"hf/{repository}/{file}", revision=commit) for file in files),
    )


def _weights_of_folder(folder: Path) -> tuple[RemoteFile, ...]:
    """The files of a local model.

    Raises:
        UsageError: One is missing; the library would look for a tokeniser on the network.
    """
    for file in ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / file).is_file():
            raise UsageError(
                f"{folder} has no {file}: whisper:MODEL is a folder that ct2-transformers-converter wrote with "
                f"--copy_files tokenizer.json preprocessor_config.json, or one of {', '.join(_MODELS)}"
            )
    known = dict.fromkeys(("model.bin", *_FILES, *_FILES_OF_VERSION_3))
    return tuple(RemoteFile(str(folder / file)) for file in known if (folder / file).is_file())


def _load(weights: Sequence[RemoteFile], language: str, device: str) -> WhisperModel:
    """The model with the weights as they were saved; half precision becomes single where a CPU has none.

    Raises:
        UnavailableError: A file is missing, or the model does not know the language; it would take English instead.
    """
    from faster_whisper import WhisperModel

    kind, _, index = device.partition(":")
    paths = [locate(weight) for weight in weights]
    workers = worker_count(None) if kind == "cpu" else 1
    with linked_folder({path.name: path for path in paths}) as folder:
        model = WhisperModel(str(folder), device=kind, device_index=int(index or 0), cpu_threads=1, num_workers=workers)
    if language and language not in model.supported_languages:
        known = ", ".join(model.supported_languages)
        raise UnavailableError(f"this model of Whisper does not know the language {language!r}; it knows {known}")
    return model


def _apply(language: str, model: WhisperModel, audios: Sequence[Audio]) -> list[Array]:
    """Signal by signal: in a batch the library cuts signals at pauses and gives other texts.

    Each has a core for itself: several cores at one signal take more than twice the CPU time, most of it in waiting.
    """

    def transcribe(audible: list[Audio]) -> list[str]:
        with ThreadPoolExecutor(model.model.num_workers) as workers:
            return list(workers.map(lambda audio: _transcript(model, audio, language), audible))

    return transcripts(audios, transcribe)


def _transcript(model: WhisperModel, audio: Audio, language: str) -> str:
    segments, _ = model.transcribe(
        audio.samples, language=language or None, beam_size=5, temperature=0.0, condition_on_previous_text=False
    )
    return "".join(segment.text for segment in segments)
