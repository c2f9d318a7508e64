"""What holds for every metric: no number where there is none to give, the right one for a perfect copy."""

from __future__ import annotations

import ctypes
import doctest
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import codec_bench
from codec_bench.audio import Audio, read_audio
from codec_bench.errors import UsageError
from codec_bench.metrics import METRICS, metric
from codec_bench.metrics.base import Metric
from codec_bench.metrics.signal import Feature, Recording, Signal
from codec_bench.records import NotScorable, Ratio, Score, Status
from codec_bench.reports.table import FAMILY_TITLES

DEMO = Path(codec_bench.__file__).parent / "datasets" / "demo"
NAMES = METRICS.names()
TEXT = {"text": "some words", "language": "en"}
PERFECT = {
    "pesq_wb": 4.644, "pesq_nb": 4.549, "pesq_raw": 4.5, "stoi": 1, "estoi": 1, "secs": 1, "gpe": 0, "vde": 0,
    "ffe": 0, "vuv_f1": 1, "logf0_rmse": 0, "logf0_corr": 1, "mcd": 0, "mel_distance": 0, "stft_distance": 0,
    "mr_stft": 0, "mr_mel": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Two seconds of a real sentence, 16 kHz."""
    return read_audio(DEMO / "audio" / "slt-01.flac").samples[4800:36_800]


WITHOUT_MODELS = ("test_what_a_metric_says", "test_examples", "test_bad_signals")
"""Tests that hold whether or not the files of a learned metric are here."""

MISFIT = ("wer", "cer", "per", "dnsmos.sig")
"""No text fits the sentence; and DNSMOS finds the speech under white noise better than that of the synthetic voice."""


@pytest.fixture(autouse=True)
def _models(request: pytest.FixtureRequest, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learned metrics use the weights that are at hand; a test of one that has none is skipped."""
    name = request.node.callspec.params.get("name") if hasattr(request.node, "callspec") else None
    if name not in NAMES:
        return
    shared = Path(__file__).resolve().parents[3] / "shared"
    if shared.is_dir():
        monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    reason = metric(name).unavailable()
    if reason and not request.node.name.startswith(WITHOUT_MODELS):
        pytest.skip(reason)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_metric_says_of_itself(name: str):
    made = metric(name)
    assert made.name == name
    assert made.title
    assert made.note, "a table needs the definition"
    assert made.family in FAMILY_TITLES
    assert made.inputs & {"decoded"}
    assert (made.function.__doc__ or "").strip()


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_docstrings(name: str):
    function = metric(name).function
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(function, name, globs=dict(function.__globals__)):
        assert runner.run(example).failed == 0


@pytest.mark.parametrize("name", sorted(PERFECT))
def test_a_perfect_copy_scores_best(name: str, speech: np.ndarray):
    made = metric(name)
    value = float(made(speech, speech, 16_000, **TEXT))
    assert value == pytest.approx(PERFECT[name], abs=1e-3)
    low, high = made.range
    bound = high if made.better == "higher" else low
    assert bound is None or value == pytest.approx(bound, abs=1e-3)


@pytest.fixture(scope="module")
def recordings(speech: np.ndarray) -> list[Recording]:
    """The sentence, a copy of it and one with noise: metrics that share a feature compute it once."""
    noisy = speech + np.random.default_rng(0).normal(0, 0.03, len(speech)).astype(np.float32)
    return [Recording(Audio(samples, 16_000)) for samples in (speech, speech, noisy)]


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_noise_scores_worse_than_a_copy(name: str, recordings: list[Recording]):
    text = "the quick brown fox" if name in ("wer", "cer") else "some words"
    reference, *others = recordings
    copy, worse = (metric(name).score(reference, other, text, "en").value for other in others)
    assert copy is not None
    assert worse is not None
    if name not in MISFIT:
        assert worse != copy
        assert (worse < copy) == (metric(name).better == "higher")


BAD = {
    "nan": Status.NOT_FINITE,
    "infinite": Status.NOT_FINITE,
    "empty": Status.EMPTY,
    "silent": Status.SILENT,
}


@pytest.mark.parametrize("name", NAMES)
def test_bad_signals_give_a_status_and_never_a_number(name: str, speech: np.ndarray):
    made = metric(name)
    signals = {
        "nan": np.where(np.arange(len(speech)) == 99, np.nan, speech),
        "infinite": np.where(np.arange(len(speech)) == 99, np.inf, speech),
        "empty": np.zeros(0, np.float32),
        "silent": np.zeros_like(speech),
    }
    for side in {"reference", "decoded"} & made.inputs:
        for kind, bad in signals.items():
            if kind == "silent" and made.accepts_silence:
                continue  # nothing was recognised, which is a score
            score = made(**({"reference": speech, "decoded": speech} | {side: bad}), rate=16_000, **TEXT)
            assert (score.value, score.status) == (None, BAD[kind]), f"{kind} {side}"
            assert side in score.reason
            with pytest.raises(NotScorable):
                float(score)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("dnsmos", "dnsmos.sig", "dnsmos.bak")])
def test_very_short_signals_give_a_finite_number_or_a_reason(name: str, speech: np.ndarray):
    """The windows of the other columns of DNSMOS are those of `dnsmos.p808`, whose network takes less time."""
    for samples in (1, 80, 400, 4000):
        score = metric(name)(speech[8000 : 8000 + samples], speech[8001 : 8001 + samples], 16_000, **TEXT)
        if score.value is None:
            assert score.status is not Status.ERROR, f"{samples} samples: {score.reason}"
            assert score.reason, f"{samples} samples"
        else:
            assert math.isfinite(score.value), f"{samples} samples"


@pytest.mark.parametrize("name", NAMES)
def test_the_longer_signal_is_cut(name: str, speech: np.ndarray):
    if metric(name).inputs >= {"reference", "decoded"}:
        longer = np.concatenate([speech, speech[:800]])
        assert metric(name)(speech, longer, 16_000, **TEXT).status is Status.OK
        assert metric(name)(longer, speech, 16_000, **TEXT).status is Status.OK


@pytest.mark.parametrize("name", ["pesq_wb", "stoi", "gpe", "secs", "mel_distance"])
def test_signals_of_any_rate_are_brought_to_the_metrics_rate(name: str, speech: np.ndarray):
    import soxr

    for rate in (8_000, 22_050, 24_000, 44_100, 48_000):
        other = soxr.resample(speech, 16_000, rate)
        score = metric(name)(other, other, rate, **TEXT)
        assert score.value == pytest.approx(PERFECT[name], abs=1e-3), rate


def test_text_metrics_need_a_text(speech: np.ndarray):
    assert metric("wer")(None, speech, 16_000).status is Status.NO_TEXT
    assert metric("wer")(None, speech, 16_000, text="  ").status is Status.NO_TEXT


def test_integers_are_refused_with_the_remedy(speech: np.ndarray):
    with pytest.raises(UsageError, match="divide by 32768"):
        metric("stoi")((speech * 32767).astype(np.int16), speech, 16_000)


def test_scores_are_never_numbers_that_are_not_finite():
    for value in (float("nan"), float("inf"), -float("inf"), Ratio(1e100, 1e-100), 1e149):
        score = Score.of(value, scale=100.0)
        assert (score.value, score.status) == (None, Status.UNDEFINED)
    assert Score.of(Ratio(3, 0)).status is Status.UNDEFINED
    with pytest.raises(ValueError, match="finite"):
        Score(Status.OK, "", float("nan"), 1.0)


def test_every_parameter_changes_the_fingerprint():
    prints = {metric(n).fingerprint for n in ("gpe", "gpe[praat]", "gpe[dio]", "vde", "secs", "secs[raw]")}
    assert len(prints) == 6


# --- plug-ins -------------------------------------------------------------------------------------------------------


def of_user(function: Callable[..., float], **settings: object) -> Metric:
    """A metric of a user: this module is no part of codec-bench."""
    return Metric(
        **{
            "name": "users", "function": function, "unit": "", "better": "lower", "range": (None, None),
            "rate": 16_000, "family": "quality", "title": "Users",
        } | settings  # type: ignore[arg-type]
    )  # fmt: skip


LEVEL = Feature("level", lambda audio: np.abs(audio.samples).mean(keepdims=True))
BUFFER = np.zeros(1, np.float32)


def in_buffer(audio: Audio) -> np.ndarray:
    BUFFER[0] = np.abs(audio.samples).mean()
    return BUFFER


REUSED = Feature("reused", in_buffer)


def by_numpy(array: np.ndarray) -> None:
    array *= 0


def after_unlocking(array: np.ndarray) -> None:
    array.flags.writeable = True
    array *= 0


def by_address(array: np.ndarray) -> None:
    ctypes.memset(array.ctypes.data, 0, array.nbytes)


WRITERS = {by_numpy: "read-only", after_unlocking: "work on a copy|WRITEABLE", by_address: "it wrote into its input"}
GIVEN: dict[str, Callable[[Signal], np.ndarray]] = {
    "samples": lambda signal: signal.samples,
    "feature": lambda signal: signal[LEVEL],
    "another rate": lambda signal: signal.recording.at(24_000).samples,
    "feature at another rate": lambda signal: signal.recording.feature(LEVEL, 24_000),
}


@pytest.mark.parametrize("is_known", [False, True], ids=["computed in the call", "known before"])
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("write", WRITERS)
def test_what_a_plug_in_writes_is_its_error_and_seen_by_no_other(
    speech: np.ndarray, write: Callable[[np.ndarray], None], given: str, is_known: bool
):
    mine = Recording(Audio(speech.copy(), 16_000))
    wanted = {name: get(Signal(Recording(Audio(speech, 16_000)), 16_000, 100)).copy() for name, get in GIVEN.items()}
    if is_known:
        for get in GIVEN.values():
            get(Signal(mine, 16_000, 100))

    def users(decoded: Signal) -> float:
        write(GIVEN[given](decoded))
        return 0.0

    score = of_user(users).score(None, mine)
    assert score.status is Status.ERROR
    assert any(said in score.reason for said in WRITERS[write].split("|"))
    for name, get in GIVEN.items():
        assert np.array_equal(get(Signal(mine, 16_000, 100)), wanted[name]), name
    assert np.array_equal(mine.audio.samples, speech)
    assert mine.audio.samples.flags.writeable


def test_a_feature_that_returns_its_buffer_is_copied(speech: np.ndarray):
    levels = of_user(lambda reference, decoded: float(reference[REUSED][0] - 2 * decoded[REUSED][0]))
    reference, decoded = (Recording(Audio(gain * speech, 16_000)) for gain in (np.float32(1), np.float32(0.5)))
    assert levels.score(reference, decoded).value == pytest.approx(0, abs=1e-6)
    assert reference.feature(REUSED, 16_000) == 2 * decoded.feature(REUSED, 16_000)


@pytest.mark.parametrize(
    ("value", "is_right"),
    [
        (100, True),
        (np.float32(0.5), True),
        (Ratio(np.int64(3), np.int64(4)), True),
        (True, True),
        (100.005, True),
        (100.1, False),
        (0, True),
        (-0.1, False),
        (250, False),
        (Ratio(300, 1), False),
    ],
)
def test_values_of_a_plug_in_lie_in_the_range_that_it_states(speech: np.ndarray, value: float, is_right: bool):
    score = of_user(lambda decoded: value, range=(0, 100))(None, speech, 16_000)
    if is_right:
        assert score.value == (value.numerator / value.denominator if isinstance(value, Ratio) else value)
    else:
        assert score.status is Status.ERROR
        assert score.reason.endswith("outside of the range that it states: 0 to 100")
    assert of_user(lambda decoded: value)(None, speech, 16_000).status is Status.OK


def test_the_range_is_in_the_unit_of_the_values(speech: np.ndarray):
    metrics = [of_user(lambda decoded, value=value: value, unit="%", range=(0, None)) for value in (0.5, -0.5)]
    assert metrics[0](None, speech, 16_000).value == 50
    assert (
        metrics[1](None, speech, 16_000).reason
        == "its value is -50, outside of the range that it states: 0 to no bound %"
    )


@pytest.mark.parametrize(
    "value",
    ["3.5", b"3.5", np.str_("3.5"), (1, 2), None, 1j, np.ones(3), np.ones((1, 1)), Ratio("a", "b"), Ratio(1, -1)],  # type: ignore[arg-type]
)
def test_what_is_no_number(speech: np.ndarray, value: object):
    score = of_user(lambda decoded: value)(None, speech, 16_000)  # type: ignore[arg-type, return-value]
    assert (score.value, score.status) == (None, Status.ERROR)
    assert re.search(
        r"(not a number or a Ratio|could not convert string to float: 'a'|above 0, not 1.0/-1.0) \(test_metric.py:",
        score.reason,
    )


def test_what_a_plug_in_raises_cannot_steer_a_terminal(speech: np.ndarray):
    def ansi(decoded: Signal) -> float:
        raise ValueError("\x1b[31mRED\x1b]0;title\x07 <img src=x onerror=alert(1)> | =cmd()")

    assert of_user(ansi)(None, speech, 16_000).reason.startswith(
        "ValueError: RED <img src=x onerror=alert(1)> | =cmd() ("
    )


def test_plain_parameters_have_addresses_and_others_are_one_line():
    def users(decoded: Signal, *, k: object = object()) -> float:
        return 0.0

    def made(value: object) -> Metric:
        return of_user(users, params={"k": value})

    values = (
        1.0, 2.0, np.float32(3), np.int64(4), np.bool_(True), math.inf, -math.inf, math.nan, [1, 2], {"a": np.int8(9)},
        np.arange(3), np.arange(3.0), np.arange(3.0)[None], np.arange(4), LEVEL, REUSED,
    )  # fmt: skip
    assert len({made(value).fingerprint for value in values}) == len(values)
    assert made(np.float64(1)).fingerprint == made(1.0).fingerprint
    assert made(np.arange(6.0)[::2]).fingerprint == made(np.array([0.0, 2.0, 4.0])).fingerprint
    for value in (object(), np.array([{}]), {1, 2}, 1j):
        with pytest.raises(UsageError, match=r"metric users: its parameter 'k' is .*, by which scores cannot be told"):
            _ = made(value).fingerprint
    with pytest.raises(UsageError, match="'k' is <object object"):
        _ = of_user(users).fingerprint


def test_torch_does_not_warn_of_read_only_samples(speech: np.ndarray, recwarn: pytest.WarningsRecorder):
    torch = pytest.importorskip("torch")
    metric = of_user(lambda decoded: float(torch.from_numpy(decoded.samples).abs().max()))
    assert metric(None, speech, 16_000).value == np.abs(speech).max()
    assert not [w for w in recwarn if "not writable" in str(w.message)]
