"""What a command needs before it starts: weights, data, recognisers; what of it is here, and what brings the rest."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.prepared import GroundTruth
from codec_bench.adapters.systems import parse_systems, split_setting
from codec_bench.datasets.corpus import Corpus
from codec_bench.datasets.dataset import Access, Dataset
from codec_bench.datasets.loading import load_dataset
from codec_bench.environments import Environment
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.hub import RemoteFile, describe_size, home, is_offline, missing, size_of
from codec_bench.metrics import Metric, metric
from codec_bench.options import Options
from codec_bench.probes.config import ProbeConfig, tasks_of_sets
from codec_bench.reconstruction.columns import references_of, resolve_metrics
from codec_bench.reconstruction.config import RunConfig, ScoreConfig
from codec_bench.reproduction.config import ReproduceConfig

PACE = 10e6
"""Bytes per second that the rough time of a download is reckoned with."""


@dataclass(frozen=True)
class Need:
    """Something that a command needs.

    Attributes:
        what: As `codec-bench fetch` takes it: `codec:longcat`, `metric:wer[nemo]`, `dataset:demo`.
        files: All its files; none where nothing has to be downloaded, or nobody publishes it.
        absent: Those that are not here.
        rough_size: Bytes to download, where the files do not say.
        licence: Of the code, the weights or the recordings.
        obstacle: What keeps it from being used besides files that are missing, with the command that helps.
    """

    what: str
    files: tuple[RemoteFile, ...] = ()
    absent: tuple[RemoteFile, ...] = ()
    rough_size: int | None = None
    licence: str = ""
    obstacle: str = ""

    @property
    def state(self) -> str:
        """`here`, `to download`, or what else is in the way."""
        return self.obstacle or ("to download" if self.absent else "here")

    def size(self, sizes: dict[RemoteFile, int | None]) -> int | None:
        """Bytes to download; None where it is not known."""
        known = [sizes[file] for file in self.absent]
        return self.rough_size if None in known else sum(size for size in known if size)


def needs_of(names: Iterable[str]) -> list[Need]:
    """What is behind names as `codec-bench fetch` takes them.

    Raises:
        UsageError: One of them is not known.
    """
    return [_need(*name.partition(":")[::2]) for name in dict.fromkeys(names)]


def needs_of_command(config: Options) -> tuple[list[Need], list[str]]:
    """What a command with these options needs, and what it will do without.

    Raises:
        UsageError: Something that is named is not known, or a codec has no such setting or number of codebooks.
    """
    _check_settings(config)
    notes: list[str] = []
    return needs_of(_names(config, notes)), notes


def _need(kind: str, name: str) -> Need:
    if kind == "codec":
        return _codec_need(CODECS.get(name))
    if kind == "metric":
        return _metric_need(metric(name))
    if kind == "dataset":
        return _dataset_need(name, load_dataset(name))
    raise UsageError(f"{kind!r} cannot be fetched: write codec:NAME, metric:NAME or dataset:NAME, e.g. codec:lyra")


def _codec_need(codec: type[Codec]) -> Need:
    found = getattr(codec, "environment", None)
    environment = found if isinstance(found, Environment) else None
    files = (*codec.weights(), *(() if environment is None else environment.remotes))
    spec = codec.mode_spec(codec.modes[0] if codec.modes else None)
    licences = dict.fromkeys(text for text in (spec.licence, spec.weights_licence) if text)
    is_made = environment is None or environment.is_ready
    absent = tuple(missing(codec.weights() if is_made else files))
    return Need(
        f"codec:{codec.name}",
        tuple(dict.fromkeys(files)),
        absent,
        None,
        " / ".join(licences),
        codec.unsupported() or "",
    )


def _metric_need(made: Metric) -> Need:
    licences = ", ".join(dict.fromkeys(feature.model.licence for feature, _ in made.models if feature.model.licence))
    absent = tuple(missing(made.weights))
    return Need(f"metric:{made.spelling}", made.weights, absent, None, licences, made.unsupported() or "")


def _dataset_need(name: str, dataset: Dataset) -> Need:
    files = dataset.archives if isinstance(dataset, Corpus) else ()
    state = dataset.state()
    obstacle = "" if state.access in (Access.HERE, Access.FETCH) else f"{state.access.value}: {state.detail}"
    absent = files if state.access is Access.FETCH else ()
    return Need(f"dataset:{name}", files, absent, dataset.rough_size, dataset.licence, obstacle)


def _names(config: Options, notes: list[str]) -> Iterator[str]:
    """What a command is about, as `fetch` names it; `notes` get what it leaves out."""
    if isinstance(config, ReproduceConfig):
        yield from _names_of_tables(config)
        return
    for entry in getattr(config, "codec", ()):
        codec = split_setting(entry)[0] if isinstance(entry, str) else ":"
        if ":" not in codec and codec != GroundTruth.name:  # what users have brings no files
            yield f"codec:{codec}"
    if isinstance(config, RunConfig | ScoreConfig):
        run = config if isinstance(config, RunConfig) else config.run_config(())
        for made in resolve_metrics(run.metrics, run.asr, notes, run.normaliser, references_of(run)):
            yield f"metric:{made.spelling}"
    if isinstance(config, ProbeConfig):
        yield from (f"dataset:{name}" for name in tasks_of_sets(config.task, config.dataset))
    elif not isinstance(config, ScoreConfig):
        asked: Any = getattr(config, "dataset", None) or getattr(config, "audio", None) or ()
        is_apart = getattr(config, "data_root", None) is not None or getattr(config, "tokens", None) is not None
        for name in () if is_apart else [asked] if isinstance(asked, str) else asked:
            yield f"dataset:{name}"


def _names_of_tables(config: ReproduceConfig) -> Iterator[str]:
    from codec_bench.reproduction import find_tables
    from codec_bench.reproduction.availability import datasets_of
    from codec_bench.reproduction.facts import codec_of

    for table in () if config.run else find_tables(config.table):
        labels = [*config.row] or [table.label(row) for row in table.rows]
        for row in table.rows:
            if row.system and row.system != GroundTruth.name and table.label(row) in labels:
                yield f"codec:{codec_of(str(row.system)).name}"
        yield from (f"metric:{column.metric}" for column in table.columns.values() if column.metric)
        if config.data_root is None:
            yield from (f"dataset:{name}" for name in ([config.dataset] if config.dataset else datasets_of(table)))


def sizes_of(needs: Iterable[Need]) -> dict[RemoteFile, int | None]:
    """Bytes of each file that is not here; servers are asked until one does not answer."""
    found: dict[RemoteFile, int | None] = {}
    asks = not is_offline()
    for file in dict.fromkeys(file for need in needs for file in need.absent):
        found[file] = file.size if file.size is not None or not asks else size_of(file)
        asks = asks and found[file] is not None
        if found[file] is None:
            found[file] = file.rough_size
    return found


def described(needs: Sequence[Need], notes: Sequence[str] = ()) -> str:
    """The needs for people: what is here, a line each for the rest with its files, the disk, the time, what to type."""
    sizes = sizes_of(needs)
    lacking = [need for need in needs if need.state != "here"]
    wide = max((len(need.what) for need in lacking), default=0)
    here = [need.what for need in needs if need.state == "here"]
    lines = [f"here: {', '.join(here)}"] if here else []
    for need in lacking:
        size = need.size(sizes)
        amount = "" if not need.absent else "size not known" if size is None else describe_size(size)
        parts = [need.state, amount, need.licence]
        lines.append(f"{need.what:{wide}}  {', '.join(part for part in parts if part)}")
        lines += [f"    {_file_line(file, sizes[file])}" for file in need.absent]
    lines += notes
    absent = [need for need in needs if need.absent]
    if not absent:
        return "\n".join([*lines, "nothing has to be downloaded"])
    known = [need.size(sizes) for need in absent]
    total = sum(size for size in known if size)
    least = "at least " if None in known else ""
    there = next(folder for folder in (home(), *home().resolve().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    minutes = max(1, round(total / PACE / 60))
    names = " ".join(f"'{n.what}'" if "[" in n.what else n.what for n in absent)
    return "\n".join(
        [
            *lines,
            f"to download: {least}{describe_size(total)} into {home()}, where {describe_size(free)} are free; "
            f"about {minutes} min at {PACE / 1e6:.0f} MB/s",
            *(["NOT ENOUGH ROOM: set CODEC_BENCH_HOME to a folder on a larger disk"] if 2 * total > free else []),
            f"ahead of it: codec-bench fetch {names}",
            f"by another machine: codec-bench fetch {names} --list > files.txt, then fetch ... --from DIR here",
        ]
    )


def _file_line(file: RemoteFile, size: int | None) -> str:
    return f"{file.path}  {'size not known' if size is None else describe_size(size)}  {file.url or 'not published'}"


def plain(needs: Sequence[Need]) -> list[dict[str, Any]]:
    """The needs for programs."""
    sizes = sizes_of(needs)
    return [
        {
            "what": need.what,
            "state": need.state,
            "licence": need.licence,
            "download_bytes": need.size(sizes),
            "files": [
                {"path": f.path, "url": f.url, "sha256": f.sha256, "bytes": f.size, "here": f not in need.absent}
                for f in need.files
            ],
        }
        for need in needs
    ]


def announcement(asked: Options | Sequence[str]) -> str:
    """What is said before a command starts that has to download something; empty where all is here, or it may not.

    What is wrong with the request is for the command itself to say.

    Args:
        asked: The options of the command, or the names of what it needs.
    """
    if is_offline():
        return ""
    try:
        needs = needs_of_command(asked)[0] if isinstance(asked, Options) else needs_of(asked)
    except CodecBenchError:
        return ""
    absent = [need for need in needs if need.absent]
    return described(absent) if absent else ""


def _check_settings(config: Options) -> None:
    """Raises a `UsageError` for a setting or number of codebooks that a codec lacks: nothing is downloaded for it."""
    entries = [entry for entry in getattr(config, "codec", ()) if isinstance(entry, str) and ":" not in entry]
    codebooks = getattr(config, "codebooks", ())
    asked = entries if codebooks else [entry for entry in entries if "@" in entry]
    if asked:
        parse_systems(asked, codebooks, needs_audio=isinstance(config, RunConfig), keeps_broken=True)


def listed_files(names: Sequence[str]) -> str:
    """The files of `codec-bench fetch NAMES`, one a line for programs: path in a mirror, bytes, SHA-256, address.

    Bytes that nobody states exactly begin with `~`. Files that are here already are listed, too: the list is for
    another machine.
    """
    files = dict.fromkeys(file for need in needs_of(names) for file in need.files)
    return "".join(f"{file.path}\t{_bytes(file)}\t{file.sha256 or ''}\t{file.url}\n" for file in files)


def _bytes(file: RemoteFile) -> str:
    return str(file.size) if file.size else f"~{file.rough_size}" if file.rough_size else ""
