"""Brings the inputs of checks: published files through the hub, the others by their formula."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from math import gcd

import numpy as np

from codec_bench.audio import Audio, FloatArray, read_audio
from codec_bench.datasets.demo_set import Demo
from codec_bench.errors import UnavailableError
from codec_bench.files import read_file
from codec_bench.hub import fetch, fetch_all, locate
from codec_bench.records import NotScorable
from codec_bench.verification.answers import AnswerFile, Codes, DemoSpeech, Formula, Input, PublishedFile, Values


def bring(file: AnswerFile, names: Iterable[str], what: str) -> dict[str, str]:
    """Fetches the published files among inputs.

    Args:
        file: Where the inputs are described.
        names: Of the inputs.
        what: For announcements, e.g. `answers for codec:lyra`.

    Returns:
        Why inputs could not be had, by name.
    """
    published = {name: made for name in names if isinstance(made := file.inputs[name], PublishedFile)}
    with suppress(UnavailableError):  # which one, is found out below
        fetch_all([made.remote for made in published.values()], what)
    problems = {}
    for name, made in published.items():
        try:
            fetch(made.remote)
        except UnavailableError as error:
            problems[name] = str(error)
    return problems


def audio_of(made: Input) -> Audio:
    """The signal of an input that was brought.

    Raises:
        UnavailableError: It is not here, cannot be read, or is another one.
    """
    audio = _original(made)
    rate = None if isinstance(made, Codes) else made.resampled
    if rate is None or rate == audio.rate:
        return audio
    from scipy.signal import resample_poly

    common = gcd(rate, audio.rate)
    samples = resample_poly(audio.samples, rate // common, audio.rate // common)
    return Audio(np.ascontiguousarray(samples, np.float32), rate)


def _original(made: Input) -> Audio:
    if isinstance(made, PublishedFile):
        return _published(made)
    if isinstance(made, DemoSpeech):
        (found,) = (utterance for utterance in Demo().utterances() if utterance.id == made.demo)
        return read_audio(found.path)
    if isinstance(made, Values):
        return Audio(np.array(made.values, np.float32), made.rate)
    assert isinstance(made, Formula), "tokens are no signal"
    samples = _computed(made)
    first, last = made.take or (0, len(samples))
    return Audio(np.ascontiguousarray(samples[first:last], np.float32), made.rate)


def _published(made: PublishedFile) -> Audio:
    path = locate(made.remote)
    if made.raw_rate is not None:
        samples = np.frombuffer(read_file(path), "<i2").astype(np.float32)
        return Audio(samples / np.float32(32768), made.raw_rate)
    try:
        audio = read_audio(path)
    except NotScorable as error:
        raise UnavailableError(f"{path} cannot be read: {error}") from error
    if made.samples not in (None, len(audio)):
        raise UnavailableError(f"{path} is another recording: {len(audio)} samples, expected {made.samples}")
    return audio


def _computed(made: Formula) -> FloatArray:
    if made.formula == "silence":
        return np.zeros(made.samples, np.float32)
    if made.formula == "sine":
        time = np.arange(made.samples) / made.rate
        return np.sin(2 * np.pi * made.hertz * time).astype(np.float32)
    import torch

    draw = torch.rand if made.formula == "torch_rand" else torch.randn
    drawn = draw(made.samples, generator=torch.Generator().manual_seed(made.seed))
    return np.asarray(drawn.numpy(), np.float32)
