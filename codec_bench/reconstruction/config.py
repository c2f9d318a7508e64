"""Options of `codec-bench run` and `score`: from a command line, a YAML file or Python."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from codec_bench.options import (
    BANDS,
    Checkpoint,
    Codebooks,
    DataFolders,
    DataPart,
    Jobs,
    MaxFailed,
    Measurement,
    Names,
    NoCache,
    Option,
    Options,
    Panel,
    Report,
    Seed,
    band_edges,
    escaped,
    falling,
    listed,
)

UNCOMPRESSED = 1536.0
"""kbit/s of two channels of 16 bits at 48 kHz."""

GROUPS = "semantic|acoustic|classic"


def row_name(name: str | None) -> str | None:
    """The name of a row, in one Unicode form and without spaces around it.

    Raises:
        ValueError: It is blank, or has characters that cannot be seen.
    """
    if name is None:
        return None
    name = unicodedata.normalize("NFC", name).strip()
    if not name or not name.isprintable():
        raise ValueError(f"the name of a row is a few letters on one line, not {name!r}")
    return name


def kilobits(bitrate: float | None) -> float | None:
    """A bitrate in kbit/s that is none in bit/s.

    Raises:
        ValueError: Uncompressed speech takes less.
    """
    if bitrate is not None and bitrate > UNCOMPRESSED:
        raise ValueError(
            f"bitrates of files are in kbit/s, and {bitrate:g} kbit/s is more than uncompressed audio has: did you "
            f"mean {bitrate / 1000:g}?"
        )
    return bitrate


def _ids(value: Any) -> Any:
    """Ids as they are in a list, where they may hold commas and end with a space."""
    return listed(value) if isinstance(value, str) else value


class Described(Options):
    """What users state about audio made elsewhere, since it cannot be looked up."""

    name: Annotated[
        str | None,
        AfterValidator(row_name),
        Option("Name of the files in the table; by default that of their folder.", Panel.SYSTEMS),
    ] = None
    bitrate: Annotated[
        float | None,
        Field(gt=0),
        AfterValidator(kilobits),
        Option("kbit/s, as the authors of the files state it.", Panel.SYSTEMS, "KBPS"),
    ] = None
    group: Annotated[
        str | None, Option("Part of the table that files belong to; acoustic by default.", Panel.SYSTEMS, GROUPS)
    ] = None


class PreparedFiles(Described):
    """Reconstructions that were made elsewhere: one audio file per utterance, named by its id."""

    files: str
    group: str = "acoustic"


class ScoringOptions(Measurement, DataPart):
    """Options of every command that scores audio."""

    text: Annotated[
        Path | None,
        Option("Transcripts that replace those of the data set: columns id and text.", Panel.DATA, "FILE.tsv"),
    ] = None
    metrics: Annotated[
        Names,
        Field(min_length=1),
        Option(
            "default, recommended, all, headline, or names; see `codec-bench list metrics`.",
            Panel.METHOD,
            "NAME[,NAME]",
            example="pesq_wb,stoi",
        ),
    ] = ["default"]  # fmt: skip
    asr: Annotated[
        str, Option("Recogniser of wer and cer; auto takes the best one available.", Panel.METHOD, "BACKEND[:MODEL]")
    ] = "auto"
    normaliser: Annotated[
        str, Option("Text normaliser: basic, whisper-english, librispeech, chinese.", Panel.METHOD, "NAME")
    ] = "basic"
    align: Annotated[
        bool,
        Option(
            "Move decoded audio by its lag, one for each file, before metrics that compare it moment by moment.",
            Panel.METHOD,
        ),
    ] = False
    seed: Seed = 0
    jobs: Jobs = None
    timeout: Annotated[
        float,
        Field(gt=0),
        Option("Time limit in seconds for coding or scoring one utterance.", Panel.PLACE, metavar="SECONDS"),
    ] = 600.0
    keep_audio: Annotated[bool, Option("Keep decoded audio and tokens in the run directory.", Panel.OUTPUT)] = False
    report: Report = True
    max_failed: MaxFailed = 0.05
    no_cache: NoCache = False
    debug: Annotated[
        bool, Option("Print the tracebacks of what fails; they are kept in failures/ anyway.", Panel.OUTPUT)
    ] = False


class Grouped(Options):
    """What shapes the table of reconstructions."""

    ground_truth: Annotated[bool, Option("Score the recordings themselves as a row.", Panel.SYSTEMS)] = True
    bands: Annotated[
        list[float],
        BeforeValidator(band_edges),
        AfterValidator(falling),
        Option("Edges of the bitrate groups, in descending order; paper: 2,0.85,0.65.", Panel.OUTPUT, "KBPS[,KBPS]"),
    ] = list(BANDS)


class RunConfig(Described, Grouped, ScoringOptions, DataFolders):
    """Options of `run`; `only`, `generated` and the prompts are set by `score`.

    Attributes:
        only: Ids of the utterances to take; all by default.
        generated: Whether the data set is a folder of generated speech, which has no recordings.
        prompts: File with the prompt of each generated utterance (`utterance prompt` per line).
        prompt_root: Folder of the prompts; that of the file by default.
    """

    comma_separated: ClassVar[frozenset[str]] = frozenset({"codec"})

    codec: Annotated[
        list[str | PreparedFiles],
        Field(min_length=1),
        Option(
            "Codecs and their settings, or files:DIR, with commas or repeated; see `codec-bench list codecs`. "
            "codec@SETTING:bf16 (or fp16) computes in half precision.",
            Panel.SYSTEMS,
            "NAME[@SETTING]",
            example="codec2@1200,opus@6000",
        ),
    ]
    codebooks: Codebooks = []
    checkpoint: Checkpoint = None
    dataset: Annotated[
        Names,
        Field(min_length=1),
        Option(
            "Recordings, a run for each data set; see `codec-bench list datasets`.", Panel.DATA, "NAME|FILE.tsv|DIR",
            example="demo",
        ),
    ] = ["libritts-test-b"]  # fmt: skip
    only: Annotated[list[str] | None, BeforeValidator(_ids)] = None
    generated: bool = False
    prompts: Path | None = None
    prompt_root: Path | None = None
    condition: Annotated[
        Names,
        Option(
            "What recordings or codes go through, each with its own row: noise@SNR_DB, music@SNR_DB, talkers@SIR_DB, "
            "reverb[@T60_SECONDS], gain@DB, level@DB, shift@SAMPLES, band@HZ, segment@SECONDS, concat@SECONDS, "
            "repeat@N, loss@P[:BURST][:MS], flip@BER, token-noise@P[:BOOKS], keep@K; several at once: noise@10+loss@5.",
            Panel.DATA,
            "NAME[@VALUE]",
        ),
    ] = []
    condition_reference: Annotated[
        Literal["clean", "altered"], Option("Reference of rows with a condition.", Panel.DATA)
    ] = "clean"
    noise_dir: Annotated[
        Path | None, Option("Noise for noise@SNR_DB, instead of speech-shaped noise.", Panel.DATA, "DIR")
    ] = None
    room_dir: Annotated[
        Path | None, Option("Impulse responses for reverb, instead of simulated rooms.", Panel.DATA, "DIR")
    ] = None
    music_dir: Annotated[Path | None, Option("Music for music@SNR_DB.", Panel.DATA, "DIR")] = None
    loss_trace: Annotated[
        Path | None, Option("Lost packets for loss: 0 or 1 per line, 1 is lost.", Panel.DATA, "FILE")
    ] = None
    speed: Annotated[bool, Option("Add columns with coding times; see also `codec-bench speed`.", Panel.METHOD)] = False
    engine: Annotated[Literal["local", "ray"], Option("Where codecs and metrics run.", Panel.PLACE)] = "local"
    ray_address: Annotated[
        str | None,
        Option(
            "A running Ray cluster; by default RAY_ADDRESS, or a new one on this machine.", Panel.PLACE,
            "HOST:PORT|auto",
        ),
    ] = None  # fmt: skip
    batch_seconds: Annotated[
        float | None,
        Field(ge=0),
        Option("Seconds of audio coded together on a GPU; 0: one recording at a time.", Panel.PLACE, "SECONDS"),
    ] = None

    coding_jobs: Annotated[
        int,
        Field(ge=1),
        Option("Coding processes for codecs without a GPU; with Ray, at least a quarter of the CPUs.", Panel.PLACE),
    ] = 1

    @model_validator(mode="before")
    @classmethod
    def _describes_files(cls, options: Any) -> Any:
        """Joins `name`, `bitrate` and `group` with the one `files:DIR` that they describe."""
        facts = {name: options[name] for name in Described.model_fields if options.get(name) is not None}
        if not facts:
            return options
        systems = listed(options.get("codec", []))
        files = [entry for entry in systems if isinstance(entry, str) and entry.startswith("files:")]
        if len(files) != 1:
            raise ValueError(
                "--name, --bitrate and --group describe one files:DIR; describe several in a --config file"
            )
        described = {"files": files[0].removeprefix("files:"), **facts}
        rest = {name: value for name, value in options.items() if name not in facts}
        kept = [escaped(entry) if isinstance(entry, str) else entry for entry in systems]
        return rest | {"codec": [described if entry in files else kept[i] for i, entry in enumerate(systems)]}

    @field_validator("codec", mode="before")
    @classmethod
    def _systems(cls, value: Any) -> Any:
        systems = listed(value)
        if isinstance(systems, Iterable):
            return [PreparedFiles(**entry) if isinstance(entry, Mapping) else entry for entry in systems]
        return systems

    @model_validator(mode="after")
    def _fits_together(self) -> RunConfig:
        if self.ray_address is not None and self.engine != "ray":
            raise ValueError("ray_address belongs to engine ray: add --engine ray")
        if len(self.dataset) > 1 and (self.audio_root or self.text):
            raise ValueError("audio_root and text belong to one data set: run several data sets one by one with them")
        return self


class ScoreConfig(Described, Grouped, ScoringOptions):
    """Options of `score`."""

    decoded: Annotated[
        Path, Option("Audio to score; file stems are the ids.", Panel.DATA, "DIR", example="recon/my-codec")
    ]
    reference: Annotated[
        Path | None, Option("The recordings, joined by file stem; none for generated speech.", Panel.DATA, "DIR")
    ] = None
    prompts: Annotated[
        Path | None,
        Option("Generated speech: lines `utterance prompt`, for speaker similarity.", Panel.DATA, "FILE"),
    ] = None
    prompt_root: Annotated[
        Path | None, Option("Folder of the prompts; by default that of --prompts.", Panel.DATA, "DIR")
    ] = None
    strict: Annotated[bool, Option("Exit with 1 if a file has no partner.", Panel.OUTPUT)] = False

    def run_config(self, common: Iterable[str]) -> RunConfig:
        """The run that scores the files of these ids."""
        described = {"name": self.decoded.resolve().name} | self.given(Described.model_fields)
        return RunConfig(
            codec=[PreparedFiles(files=str(self.decoded), **described)],
            dataset=[escaped(str(self.decoded if self.reference is None else self.reference))],
            only=list(common),
            generated=self.reference is None,
            prompts=self.prompts,
            prompt_root=self.prompt_root,
            **self.given({**ScoringOptions.model_fields, **Grouped.model_fields}),
        )
