"""Options of `codec-bench probe`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from codec_bench.adapters.books import Books, parse_numbers
from codec_bench.errors import UsageError
from codec_bench.options import (
    Codebooks,
    CodecNames,
    DataFolders,
    DataPart,
    MaxFailed,
    Measurement,
    Names,
    NoCache,
    Option,
    Panel,
    Seed,
    listed,
)
from codec_bench.probes.recipes import RECIPES, SETS, Recipe, augmented, recipe_of
from codec_bench.registry import unknown

SplitRule = Literal["auto", "speakers", "utterances"]
"""The official split, or one that is drawn: `auto` draws where there is no official one."""


INPUTS = {
    "tokens": "one learned embedding per codebook, summed",
    "embeddings": "the codec's own vectors of each codebook, side by side",
    "latents": "what the codec's tokens stand for",
    "hidden": "outputs of layers of the encoder",
}
"""The kinds of input, and what they are for people."""


def parse_input(text: str) -> tuple[str, str]:
    """The kind of an input, and which codebooks, latents or layers; empty for its own choice.

    Raises:
        UsageError: There is no such input.

    >>> parse_input("latents:quantized"), parse_input("tokens:semantic"), parse_input("hidden:1,14,26")
    (('latents', 'quantized'), ('tokens', 'semantic'), ('hidden', '1,14,26'))
    """
    kind, colon, name = text.partition(":")
    if kind not in INPUTS or (colon and not name):
        raise UsageError(
            f"--input {text}: it is tokens, embeddings, latents or hidden, and which of them after a colon, e.g. "
            "tokens:semantic, embeddings:0-3, latents:NAME, hidden:1,14"
        )
    try:
        if kind == "hidden" and name:
            parse_numbers(name)
        elif kind != "latents" and name:
            Books(name)
    except (ValueError, UsageError) as error:
        raise UsageError(f"--input {text}: {error}") from None
    return kind, name


def tasks_of_sets(tasks: Sequence[str], entries: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The tasks of each data set, from entries `NAME` or `TASK=NAME`; a task without any takes those of the papers.

    Raises:
        UsageError: An entry is for no task that is asked for.

    >>> tasks_of_sets(["sid", "er", "sed"], ["sid=a.tsv", "sid=b.tsv", "demo"])
    {'a.tsv': ('sid',), 'b.tsv': ('sid',), 'demo': ('er', 'sed')}
    >>> tasks_of_sets(["asr", "sid"], [])
    {'aishell-1': ('asr',), 'librispeech-asr': ('asr',), 'voxceleb1': ('sid',)}
    """
    own: dict[str, list[str]] = {}
    for entry in entries:
        task, sign, name = entry.partition("=")
        if not sign or (task not in RECIPES and Path(entry).exists()):
            own.setdefault("", []).append(entry)
        elif task not in RECIPES:
            raise UsageError(f"--dataset {entry}: {unknown('task', task, list(RECIPES))}")
        elif task not in tasks or not name:
            raise UsageError(f"--dataset {entry}: it is TASK=NAME, and --task is {','.join(tasks)}")
        else:
            own.setdefault(task, []).append(name)
    found: dict[str, list[str]] = {}
    for task in dict.fromkeys(tasks):
        for name in own.get(task) or own.get("") or SETS[task]:
            found.setdefault(name, []).append(task)
    if unused := [name for name in own.get("", ()) if name not in found]:
        raise UsageError(f"--dataset {unused[0]}: every task has a data set of its own")
    return {name: tuple(dict.fromkeys(of)) for name, of in found.items()}


def _kinds(value: Any) -> Any:
    """Kinds of augmentation; a switch stands for those of the recipe, or none."""
    return (["recipe"] if value else []) if isinstance(value, bool) else listed(value)


class ProbeConfig(Measurement, DataFolders, DataPart):
    """A probe run."""

    codec: Annotated[CodecNames, Field(min_length=1)]
    task: Annotated[
        Names,
        Field(min_length=1),
        Option(
            "What to read from the tokens; see `codec-bench list tasks`.", Panel.SYSTEMS, "TASK[,TASK]",
            example="sid,digits",
        ),
    ]  # fmt: skip
    dataset: Annotated[
        Names,
        Option(
            "Recordings, for all tasks or for one of them; by default those of the papers, see `list tasks`.",
            Panel.DATA,
            "[TASK=]NAME|FILE.tsv|DIR",
        ),
    ] = []
    input: Annotated[
        str,
        Option(
            "What probes read: tokens or embeddings (the codebooks' vectors), of all codebooks or of BOOKS (semantic, "
            "acoustic, 0, 1-3); latents; or hidden layers of the encoder (hidden:1,14,26).",
            Panel.SYSTEMS,
            "KIND[:WHICH]",
        ),
    ] = "tokens"
    codebooks: Codebooks = []
    seeds: Annotated[int, Field(ge=1), Option("Trainings of each probe.", Panel.METHOD)] = 3
    head: Annotated[
        str | None, Option("A head other than the task's own; see `codec-bench list tasks`.", Panel.METHOD, "NAME")
    ] = None
    augmentation: Annotated[
        list[str],
        BeforeValidator(_kinds),
        Option(
            "Vary the training part: mask, mix, speed, noise, reverb, or recipe for what suits each task.",
            Panel.METHOD,
            "KIND[,KIND]",
            switch="--augment",
        ),
    ] = []
    noise_dir: Annotated[
        Path | None, Option("Noise for that augmentation, instead of speech-shaped noise.", Panel.DATA, "DIR")
    ] = None
    room_dir: Annotated[
        Path | None, Option("Impulse responses for reverb, instead of simulated rooms.", Panel.DATA, "DIR")
    ] = None
    split: Annotated[
        SplitRule,
        Option(
            "The official split, or a drawn one if there is none; or one drawn by speakers or by utterances.",
            Panel.METHOD,
        ),
    ] = "auto"
    seed: Seed = 0
    no_cache: NoCache = False
    jobs: Annotated[
        int | None, Field(ge=1), Option("Training processes; all cores by default, one on a GPU.", Panel.PLACE)
    ] = None
    max_failed: MaxFailed = 0.05

    @field_validator("input")
    @classmethod
    def _known_input(cls, value: str) -> str:
        parse_input(value)
        return value

    @property
    def sets(self) -> dict[str, tuple[Recipe, ...]]:
        """The recipes of the tasks by data set; see `recipe_of` and `tasks_of_sets` for what cannot be."""
        made = {recipe.task: recipe for recipe in self.recipes}
        return {name: tuple(made[t] for t in tasks) for name, tasks in tasks_of_sets(self.task, self.dataset).items()}

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes of the tasks; see `recipe_of` and `augmented` for what cannot be."""
        return tuple(augmented(recipe_of(name, self.head), self.augmentation) for name in dict.fromkeys(self.task))

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings."""
        return tuple(range(self.seed, self.seed + self.seeds))
