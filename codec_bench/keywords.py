"""Options as typed keywords, for editors and type checkers. Written by scripts/keyword_options.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from codec_bench.metrics import Metric


class DataFoldersKeywords(TypedDict, total=False):
    """Options of `DataFolders`."""

    data_root: str | Path | None
    """Folder of an extracted data set."""

    audio_root: str | Path | None
    """Folder that a manifest's paths are relative to."""


class DataPartKeywords(TypedDict, total=False):
    """Options of `DataPart`."""

    sample: int | None
    """Only N utterances, drawn by --seed evenly over the speakers."""

    limit: int | None
    """Only the first N utterances, which are no sample."""


class MeasurementKeywords(TypedDict, total=False):
    """Options of `Measurement`."""

    device: str
    """Where codecs and models run; auto uses a GPU if there is one."""

    verify: bool
    """Compare codecs and models with known answers before their first use here; see verify."""

    unverified: bool
    """Use what fails a known answer all the same, and mark its rows."""

    out: str | Path | None
    """Run directory; by default runs/<date>-..., named after what is measured."""

    log: str | Sequence[str]
    """Trackers that also get what comes out: wandb, mlflow, tensorboard, trackio; see `codec-bench log`."""

    keep_paths: bool
    """Write the home folder in run.json and reports, not ~ in its place."""


class ScoringKeywords(MeasurementKeywords, DataPartKeywords, total=False):
    """Options of `ScoringOptions`."""

    text: str | Path | None
    """Transcripts that replace those of the data set: columns id and text."""

    metrics: str | Metric | Sequence[str | Metric]
    """default, recommended, all, headline, or names; see `codec-bench list metrics`."""

    asr: str
    """Recogniser of wer and cer; auto takes the best one available."""

    normaliser: str
    """Text normaliser: basic, whisper-english, librispeech, chinese."""

    align: bool
    """Move decoded audio by its lag, one for each file, before metrics that compare it moment by moment."""

    seed: int
    """Seed of all random draws."""

    jobs: int | None
    """Scoring processes; all cores by default."""

    timeout: float
    """Time limit in seconds for coding or scoring one utterance."""

    keep_audio: bool
    """Keep decoded audio and tokens in the run directory."""

    report: bool
    """Draw plots and write report.html, not only table.md."""

    max_failed: float
    """Share of utterances that may fail before the exit code is 1."""

    no_cache: bool
    """Compute everything anew, and keep nothing for later runs."""

    debug: bool
    """Print the tracebacks of what fails; they are kept in failures/ anyway."""


class GroupedKeywords(TypedDict, total=False):
    """Options of `Grouped`."""

    ground_truth: bool
    """Score the recordings themselves as a row."""

    bands: str | Sequence[float]
    """Edges of the bitrate groups, in descending order; paper: 2,0.85,0.65."""


class DescribedKeywords(TypedDict, total=False):
    """Options of `Described`."""

    name: str | None
    """Name of the files in the table; by default that of their folder."""

    bitrate: float | None
    """kbit/s, as the authors of the files state it."""

    group: str | None
    """Part of the table that files belong to; acoustic by default."""


class RunKeywords(DescribedKeywords, GroupedKeywords, ScoringKeywords, DataFoldersKeywords, total=False):
    """Options of `RunConfig`."""

    codebooks: str | Sequence[int]
    """Numbers of codebooks instead of the standard ones, e.g. 2,3,4."""

    checkpoint: str | Path | None
    """Other weights for the codec: a file or a folder."""

    condition: str | Sequence[str]
    """What recordings or codes go through, each with its own row: noise@SNR_DB, music@SNR_DB, talkers@SIR_DB,
    reverb[@T60_SECONDS], gain@DB, level@DB, shift@SAMPLES, band@HZ, segment@SECONDS, concat@SECONDS, repeat@N,
    loss@P[:BURST][:MS], flip@BER, token-noise@P[:BOOKS], keep@K; several at once: noise@10+loss@5.
    """

    condition_reference: Literal["clean", "altered"]
    """Reference of rows with a condition."""

    noise_dir: str | Path | None
    """Noise for noise@SNR_DB, instead of speech-shaped noise."""

    room_dir: str | Path | None
    """Impulse responses for reverb, instead of simulated rooms."""

    music_dir: str | Path | None
    """Music for music@SNR_DB."""

    loss_trace: str | Path | None
    """Lost packets for loss: 0 or 1 per line, 1 is lost."""

    speed: bool
    """Add columns with coding times; see also `codec-bench speed`."""

    engine: Literal["local", "ray"]
    """Where codecs and metrics run."""

    ray_address: str | None
    """A running Ray cluster; by default RAY_ADDRESS, or a new one on this machine."""

    batch_seconds: float | None
    """Seconds of audio coded together on a GPU; 0: one recording at a time."""

    coding_jobs: int
    """Coding processes for codecs without a GPU; with Ray, at least a quarter of the CPUs."""


class ScoreKeywords(DescribedKeywords, GroupedKeywords, ScoringKeywords, total=False):
    """Options of `ScoreConfig`."""

    prompts: str | Path | None
    """Generated speech: lines `utterance prompt`, for speaker similarity."""

    prompt_root: str | Path | None
    """Folder of the prompts; by default that of --prompts."""

    strict: bool
    """Exit with 1 if a file has no partner."""


class ProbeKeywords(MeasurementKeywords, DataFoldersKeywords, DataPartKeywords, total=False):
    """Options of `ProbeConfig`."""

    dataset: str | Sequence[str]
    """Recordings, for all tasks or for one of them; by default those of the papers, see `list tasks`."""

    input: str
    """What probes read: tokens or embeddings (the codebooks' vectors), of all codebooks or of BOOKS (semantic,
    acoustic, 0, 1-3); latents; or hidden layers of the encoder (hidden:1,14,26).
    """

    codebooks: str | Sequence[int]
    """Numbers of codebooks instead of the standard ones, e.g. 2,3,4."""

    seeds: int
    """Trainings of each probe."""

    head: str | None
    """A head other than the task's own; see `codec-bench list tasks`."""

    augmentation: bool | str | Sequence[str]
    """Vary the training part: mask, mix, speed, noise, reverb, or recipe for what suits each task."""

    noise_dir: str | Path | None
    """Noise for that augmentation, instead of speech-shaped noise."""

    room_dir: str | Path | None
    """Impulse responses for reverb, instead of simulated rooms."""

    split: Literal["auto", "speakers", "utterances"]
    """The official split, or a drawn one if there is none; or one drawn by speakers or by utterances."""

    seed: int
    """Seed of all random draws."""

    no_cache: bool
    """Compute everything anew, and keep nothing for later runs."""

    jobs: int | None
    """Training processes; all cores by default, one on a GPU."""

    max_failed: float
    """Share of utterances that may fail before the exit code is 1."""


class TokensKeywords(MeasurementKeywords, DataFoldersKeywords, DataPartKeywords, total=False):
    """Options of `TokensConfig`."""

    tokens: str | Path | None
    """Run directory of `run --keep-audio`, instead of --codec and --dataset."""

    codebooks: str | Sequence[int]
    """Numbers of codebooks instead of the standard ones, e.g. 2,3,4."""

    books: str | None
    """Only these codebooks: semantic, acoustic, or numbers from 0 on (0, 1-3)."""

    no_cache: bool
    """Compute everything anew, and keep nothing for later runs."""

    ngram_codebooks: int
    """Build n-grams from tuples of the first N codebooks."""

    pair_codebooks: int
    """Mutual information between pairs of the first N codebooks."""

    lm: bool
    """Train a small language model on the tokens."""

    lm_steps: int
    """Its training steps."""

    stability_utterances: bool | int
    """Utterances to encode again after small changes of the audio."""

    map: Literal["tsne", "umap", "pca", "none"]
    """Projection of the mean embeddings."""

    label: str | None
    """Column of the data set that colours the map."""

    seed: int
    """Seed of all random draws."""

    report: bool
    """Draw plots and write report.html, not only table.md."""


class SpeedKeywords(MeasurementKeywords, DataFoldersKeywords, total=False):
    """Options of `SpeedConfig`."""

    codebooks: str | Sequence[int]
    """Numbers of codebooks instead of the standard ones, e.g. 2,3,4."""

    checkpoint: str | Path | None
    """Other weights for the codec: a file or a folder."""

    seconds: str | Sequence[float]
    """Lengths of the recordings."""

    audio: str
    """An audio file, or a data set whose utterances are joined and cut."""

    threads: int
    """Threads of torch and of BLAS libraries."""

    repeats: int
    """Timed rounds per length."""

    warmup: int
    """Untimed rounds before them."""

    timeout: float
    """Time limit in seconds for loading, or for one round."""

    report: bool
    """Draw plots and write report.html, not only table.md."""
