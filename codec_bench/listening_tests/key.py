"""The key of a listening test: what each anonymous file was. Listeners must not see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

from codec_bench.errors import UsageError
from codec_bench.files import read_json, write_atomically
from codec_bench.fingerprint import address

if TYPE_CHECKING:
    from codec_bench.runs.directory import Run

SCHEMA = 1

TestKind = Literal["mushra", "abx", "dcr", "drt"]
Role = Literal["reference", "system", "anchor"]


@dataclass(frozen=True)
class Stimulus:
    """One audio file of a test.

    Attributes:
        name: Anonymous; the name of the file and what webMUSHRA writes into its results.
        system: Label of the system; of the anchors, `anchor-3.5k`.
        gain_db: What the audio was multiplied by.
        sha256: Digest of the file.
    """

    name: str
    system: str
    role: Role
    gain_db: float
    sha256: str


@dataclass(frozen=True)
class Trial:
    """One page of a test.

    Attributes:
        id: What webMUSHRA writes into its results.
        utterance: The id of the utterance in the run.
        speaker: Empty if unknown.
        rate: Sampling rate of all its files in Hz.
        seconds: Their length.
        reference: Given to listeners as the reference; in MUSHRA also hidden among the stimuli. Where a page plays one
            file (DCR, DRT), that file.
        stimuli: What is rated, or the other one of an ABX pair.
        training: Whether the page is for practice, and its ratings are not counted.
    """

    id: str
    utterance: str
    speaker: str
    rate: int
    seconds: float
    reference: Stimulus
    stimuli: tuple[Stimulus, ...]
    training: bool = False


@dataclass(frozen=True)
class ExportedRun:
    """What of a run decides what people heard; systems with their fingerprints."""

    path: str
    dataset: str
    manifest_sha256: str
    systems: Mapping[str, str]
    codec_bench: str


@dataclass(frozen=True)
class Key:
    """Everything that the results of a test need to become numbers about systems.

    Attributes:
        test_id: `session_test_id` in the results.
        run: Which run was exported; see `identify`.
        systems: Labels under test.
        anchors: Labels of the anchors, the lowest first.
        settings: Seed, options and versions that made the test.
    """

    kind: TestKind
    test_id: str
    run: ExportedRun
    systems: tuple[str, ...]
    anchors: tuple[str, ...]
    trials: tuple[Trial, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Content address of the test."""
        return address(key=asdict(self))

    def save(self, path: Path) -> None:
        """Writes the key as JSON."""
        text = json.dumps({"schema": SCHEMA} | asdict(self), indent=1, allow_nan=False, ensure_ascii=False)
        write_atomically(path, f"{text}\n".encode())

    @classmethod
    def load(cls, path: Path) -> Key:
        """Reads a key.

        Raises:
            UsageError: It is not a key, or was written by a newer codec-bench.
        """
        try:
            data = read_json(path)
            if "test_id" in data and data["schema"] > SCHEMA:
                raise UsageError(f"{path} was written by a newer codec-bench (schema {data['schema']})")
            return TypeAdapter(cls).validate_python(data)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} is not the key of a listening test; `codec-bench export` writes one as key.json"
            ) from error

    def check_belongs_to(self, run: Run) -> None:
        """Refuses a run that the test was not made from.

        Raises:
            UsageError: The run has other recordings, or a system is missing or another version.
        """
        if self.run.manifest_sha256 != run.info["plan"]["dataset"]["manifest_sha256"]:
            raise UsageError(f"the test was made from a run with other utterances than {run.path}: {self.run.path}")
        for label, fingerprint in self.run.systems.items():
            if label not in run.systems:
                raise UsageError(f"{run.path} has no system {label!r}; the test was made from {self.run.path}")
            if run.systems[label]["fingerprint"] != fingerprint:
                raise UsageError(f"{label!r} of {run.path} is another version than the one that people heard")


def identify(run: Run, systems: list[str]) -> ExportedRun:
    """What of a run decides what people heard, so that results meet no other run."""
    return ExportedRun(
        str(run.path.resolve()),
        run.info["plan"]["dataset"]["name"],
        run.info["plan"]["dataset"]["manifest_sha256"],
        {label: run.systems[label]["fingerprint"] for label in systems},
        run.info["provenance"]["codec_bench"],
    )
