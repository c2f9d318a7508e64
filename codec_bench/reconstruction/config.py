"""Everything that can be asked of a run, as one validated object: from a command line, a YAML file or Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.registry import unknown


def _listed(value: Any) -> Any:
    """`a,b` and `[a, b]` mean the same; a comma inside brackets separates nothing."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


StringList = Annotated[list[str], BeforeValidator(_listed)]
IntList = Annotated[list[int], BeforeValidator(_listed)]
FloatList = Annotated[list[float], BeforeValidator(_listed)]


class PreparedFiles(BaseModel):
    """Reconstructions that were made elsewhere.

    Attributes:
        files: Folder with one audio file per utterance, named by its id.
        name: Name of the system; `files:DIR` by default.
        bitrate: kbit/s as their makers state it; tables mark it as stated.
        group: `semantic`, `acoustic` or `classic`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: str
    name: str | None = None
    bitrate: float | None = Field(default=None, gt=0)
    group: str = "acoustic"


class RunConfig(BaseModel):
    """All options of a run; the field names are those of the command line.

    Attributes:
        codec: Systems: `opus@6000`, `lyra`, `files:DIR`, or a `PreparedFiles` mapping.
        codebooks: Numbers of codebooks, for codecs that have codebooks.
        dataset: Data sets; each gets a run of its own.
        metrics: `default`, `all`, `headline`, or names.
        limit: Only the first so many utterances of each data set.
        only: Ids of the utterances to take; all by default.
        jobs: Scoring processes; None for all cores. With Ray the CPUs to use; None for all of the cluster.
        coding_jobs: Processes that code, for codecs without a GPU; with Ray a quarter of the CPUs codes.
        engine: `local`, or `ray` for a Ray cluster.
        ray_address: `HOST:PORT` of a running cluster, or `auto`; None takes the environment variable RAY_ADDRESS, and
            where that is not set, a cluster of this machine is started for the run.
        checkpoint: File or folder with other weights for the codec, of the same architecture.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        batch_seconds: Seconds of audio that a codec codes together, padding included; 0 for one recording at a time,
            which is the default on a CPU.
        asr: Recogniser of `wer` and `cer`; `auto` takes the best that is installed.
        condition: What codecs are given besides the clean recordings: `noise@10`, `reverb`, `segment@1`; each is a row
            more per system.
        condition_reference: What rows with an altered recording are scored against: the `clean` recording, or the
            `altered` one.
        noise_dir: Folder with noise for `noise@SNR_DB`, instead of speech-shaped noise.
        room_dir: Folder with impulse responses for `reverb`, instead of simulated rooms.
        seed: Of the bootstrap, and of what conditions draw.
        ground_truth: Whether the recordings themselves are scored as a row.
        data_root: Folder of a data set that cannot be found otherwise.
        audio_root: Folder that the paths of a manifest are relative to.
        text: TSV file with transcripts (`id`, `text`) that replace those of the data set.
        generated: Whether the data set is a folder of generated speech, of which there is no recording.
        prompts: File with the prompt of each generated utterance (`utt prompt` per line).
        prompt_root: Folder of the prompts; that of the file by default.
        bands: Edges of the bitrate groups in kbit/s, falling.
        speed: Whether the times that coding took are columns: `rtf_encode` and `rtf_decode`.
        keep_audio: Whether decoded audio and tokens are copied into the run directory.
        report: Whether plots are drawn.
        max_failed: Share of utterances that may fail before the run counts as failed.
        timeout: Seconds that coding one utterance, or scoring one pair, may take.
        out: Run directory; None makes one below `runs/`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    codec: list[str | PreparedFiles] = Field(min_length=1)
    codebooks: IntList = []
    dataset: StringList = Field(default=["libritts-test-b"], min_length=1)
    metrics: StringList = Field(default=["default"], min_length=1)
    limit: int | None = Field(default=None, ge=1)
    only: StringList | None = None
    jobs: int | None = Field(default=None, ge=1)
    coding_jobs: int = Field(default=1, ge=1)
    engine: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    checkpoint: Path | None = None
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    batch_seconds: float | None = Field(default=None, ge=0)
    asr: str = "auto"
    normaliser: str = "basic"
    condition: StringList = []
    condition_reference: Literal["clean", "altered"] = "clean"
    noise_dir: Path | None = None
    room_dir: Path | None = None
    seed: int = Field(default=0, ge=0)
    ground_truth: bool = True
    data_root: Path | None = None
    audio_root: Path | None = None
    text: Path | None = None
    generated: bool = False
    prompts: Path | None = None
    prompt_root: Path | None = None
    bands: FloatList = [2.0, 0.85, 0.65]
    speed: bool = False
    keep_audio: bool = False
    report: bool = True
    max_failed: float = Field(default=0.05, ge=0, le=1)
    timeout: float = Field(default=600.0, gt=0)
    out: Path | None = None

    @field_validator("codec", mode="before")
    @classmethod
    def _codecs(cls, value: Any) -> Any:
        parts = _listed(value)
        if isinstance(parts, list):
            return [item for part in parts for item in (_listed(part) if isinstance(part, str) else [part])]
        return parts

    @field_validator("bands")
    @classmethod
    def _falling(cls, value: list[float]) -> list[float]:
        if value != sorted(set(value), reverse=True) or any(edge <= 0 for edge in value):
            raise ValueError("bands are positive and falling, e.g. 2, 0.85, 0.65")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> RunConfig:
        if self.ray_address is not None and self.engine != "ray":
            raise ValueError("ray_address belongs to engine ray: add --engine ray")
        if len(self.dataset) > 1 and (self.audio_root or self.text):
            raise ValueError("audio_root and text belong to one data set: run several data sets one by one with them")
        return self


def make_config(**options: Any) -> RunConfig:
    """A validated configuration; unknown or wrong options are one-line errors.

    Raises:
        UsageError: An option is unknown or has a value that it cannot have.
    """
    try:
        return RunConfig(**options)
    except ValidationError as error:
        raise UsageError(_first_problem(error)) from None


def load_config(path: Path, **overrides: Any) -> RunConfig:
    """Reads a YAML file; options given beside it win.

    Raises:
        UsageError: The file cannot be read, is not valid YAML mapping, or holds a wrong option.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no options: write e.g. 'codec: [opus@6000]'")
    try:
        return make_config(**{str(key).replace("-", "_"): value for key, value in content.items()} | overrides)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def save_config(config: RunConfig, path: Path) -> None:
    """Writes a configuration as YAML, without the options that have their default."""
    content = config.model_dump(mode="json", exclude_defaults=True)
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())


def _first_problem(error: ValidationError) -> str:
    """One line for the first thing that is wrong."""
    problems = error.errors()  # a mapping among the codecs is first said to be no string: that helps nobody
    problem = next((p for p in problems if p["type"] != "string_type"), problems[0])
    where = ".".join(str(part) for part in problem["loc"] if not str(part).startswith(("str", "PreparedFiles")))
    if problem["type"] == "extra_forbidden":
        fields = PreparedFiles.model_fields if where.startswith("codec.") else RunConfig.model_fields
        return unknown("option", where.split(".")[-1], list(fields))
    message = problem["msg"].removeprefix("Value error, ")
    return f"option {where}: {message}" if where else message
