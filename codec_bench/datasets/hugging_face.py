"""Data sets of Hugging Face, and folders that its library `datasets` saved."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from codec_bench.datasets.clips import Clips
from codec_bench.datasets.dataset import Access, Listed, ListedDataset, State
from codec_bench.datasets.manifest import id_problem, is_file
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import describe_size, home, is_offline
from codec_bench.languages import find
from codec_bench.records import Utterance

logger = logging.getLogger(__name__)

TEXT_COLUMNS = ("text", "transcript", "transcription", "sentence", "normalized_text")
SPEAKER_COLUMNS = ("speaker_id", "speaker", "client_id")
LANGUAGE_COLUMNS = ("language", "locale")
"""Columns by what they hold; the first one that a table has is taken."""

DEFAULT_SPLIT = "test"

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")


class HuggingFace(ListedDataset):
    """A split of a data set that the library `datasets` can load; it is downloaded and cached as that library does.

    Columns are known by their type and name: the audio; what is said (`TEXT_COLUMNS`), who says it
    (`SPEAKER_COLUMNS`) in which language (`LANGUAGE_COLUMNS`); the `id`. All other columns that hold one value per row
    become labels, those of classes by the name of the class. Where there is no `id`, or it is not unique or no file
    name, the number of the row is the id. Audio is taken as it is stored, without decoding it: bytes become files when
    they are first asked for.

    Code that comes with a data set is never run: the library refuses it.

    Args:
        name: `ORG/NAME[@REVISION]` or a folder, then `[:CONFIG][:SPLIT]`. One word after the name is a configuration
            if there is one of that name, otherwise a split; an empty configuration is the default one. Without a split
            it is `test`, or the only one that there is.
    """

    def __init__(self, name: str) -> None:
        self.spec = name
        self._where = _parse(name)
        first = self._where.folder.resolve().name if self._where.folder else self._where.repository.rpartition("/")[2]
        self.name = "-".join([first, *(part for part in self._where.parts if part)])
        if not self._where.folder:
            self.source = f"https://huggingface.co/datasets/{self._where.repository}"
        self._table: Any = None
        self._notes: list[str] = []
        self._id_note = ""
        self._clips = Clips(self.name)

    @override
    def listed(self) -> list[Listed]:
        table = self._load()
        self._clips = Clips(self.name)
        columns = _columns(self.spec, table)
        return list(self._rows(table, columns, self._ids(table, columns)))

    @override
    def fetch(self) -> None:
        # The whole configuration, all of its splits.
        self._load()

    @property
    @override
    def download_size(self) -> int | None:
        # Unknown until the library has been asked.
        return 0 if self._where.folder else None

    @override
    def state(self) -> State:
        # What the library has in its cache is not looked for.
        return State(Access.HERE, str(self._where.folder)) if self._where.folder else State(Access.FETCH, self.source)

    @override
    def notes(self) -> list[str]:
        return [*self._notes, *([self._id_note] if self._id_note else []), *self._clips.notes()]

    def _load(self) -> Any:
        """The split as a table that does not decode audio."""
        if self._table is None:
            self._notes = []
            with _library(self.spec, self._where.folder is None) as datasets:
                folder = self._where.folder
                is_saved = folder is not None and any(
                    (folder / name).is_file() for name in ("state.json", "dataset_dict.json")
                )
                table = self._load_saved(datasets) if is_saved else self._load_built(datasets)
                for name, feature in table.features.items():
                    if isinstance(feature, datasets.Audio):
                        table = table.cast_column(name, datasets.Audio(decode=False))
                self.licence = table.info.license or self._card_licence()
            self._table = table
        return self._table

    def _load_saved(self, datasets: Any) -> Any:
        """What `save_to_disk` left: one split, or a folder of them."""
        *configurations, split = self._where.parts or ("",)
        if any(configurations):
            raise UsageError(f"hf:{self.spec}: a folder that was saved has no configurations: write FOLDER:SPLIT")
        saved = datasets.load_from_disk(str(self._where.folder))
        if isinstance(saved, datasets.DatasetDict):
            return saved[self._split(split, list(saved))]
        if split and split != str(saved.split):
            raise UsageError(f"hf:{self.spec}: the folder holds one split, which is called {saved.split}")
        return saved

    def _load_built(self, datasets: Any) -> Any:
        """What the library makes out of files, on Hugging Face or here."""
        folder = self._where.folder
        options = {"revision": self._where.revision or None}
        if folder is not None:
            options = {"cache_dir": str(home() / "datasets" / "huggingface")}
        place = self._where.repository if folder is None else str(folder.resolve())
        configuration, split = self._configuration(datasets, place)
        builder = datasets.load_dataset_builder(place, configuration or None, **options)
        if folder is None:
            self._announce(builder)
        builder.download_and_prepare()
        return builder.as_dataset(split=self._split(split, list(builder.info.splits)))

    def _card_licence(self) -> str:
        """The licence that the card names, which the library passes over; empty if there is none."""
        import huggingface_hub

        where = self._where
        try:
            card = where.folder and where.folder / "README.md"
            if card is None:
                found = huggingface_hub.hf_hub_download(
                    where.repository, "README.md", repo_type="dataset", revision=where.revision or None
                )
                card = Path(found)
            licence = huggingface_hub.DatasetCard.load(card).data.license if card.is_file() else None
        except (huggingface_hub.errors.EntryNotFoundError, ValueError):
            return ""
        return ", ".join(licence) if isinstance(licence, list) else str(licence or "")

    def _configuration(self, datasets: Any, place: str) -> tuple[str, str]:
        """Configuration and split as far as the name says them."""
        parts = self._where.parts
        if len(parts) == 1:
            known = datasets.get_dataset_config_names(place, revision=self._where.revision or None)
            return (parts[0], "") if parts[0] in known else ("", parts[0])
        return (parts[0], parts[1]) if parts else ("", "")

    def _split(self, asked: str, known: list[str]) -> str:
        if asked:
            if re.split(r"[\[+]", asked)[0] not in known:
                raise UsageError(f"hf:{self.spec} has no split {asked!r}; it has: {', '.join(known)}")
            return asked
        if DEFAULT_SPLIT in known:
            return DEFAULT_SPLIT
        if len(known) > 1:
            raise UsageError(
                f"hf:{self.spec} has no split {DEFAULT_SPLIT!r}: add one of these after a colon: {', '.join(known)}"
            )
        self._notes.append(f"{self.name}: this is the split {known[0]}, the only one there is")
        return known[0]

    def _announce(self, builder: Any) -> None:
        """Says what will be downloaded, and which commit it is where the name leaves that open."""
        commit = str(builder.hash or "")
        if not self._where.revision and re.fullmatch("[0-9a-f]{40}", commit):
            self._notes.append(
                f"{self.name}: commit {commit[:12]} of {self.source}; write @{commit} for the same again"
            )
        if not Path(builder.cache_dir).is_dir():
            size = builder.info.download_size
            stated = describe_size(size) if size else "size not known"
            logger.warning("dataset:hf:%s: downloading (%s) into %s", self.spec, stated, builder.cache_dir)

    def _ids(self, table: Any, columns: _Columns) -> list[str]:
        """The column `id`, or the numbers of the rows."""
        numbers = [f"{number:0{len(str(len(table) - 1))}d}" for number in range(len(table))]
        if columns.id is None:
            return numbers
        ids = [str(value).strip() for value in table[columns.id]]
        problem = next((f"{id_[:60]!r} is none: {problem}" for id_ in ids if (problem := id_problem(id_))), None)
        if problem is None and len(set(ids)) < len(ids):
            problem = f"{len(ids)} rows have {len(set(ids))} different ones"
        if problem is None:
            return ids
        self._id_note = f"{self.name}: rows are numbered, because the column id cannot be used: {problem}"
        return numbers

    def _rows(self, table: Any, columns: _Columns, ids: list[str]) -> Iterator[Listed]:
        recordings = table.select_columns([columns.audio]).with_format(None)
        # By columns: a look at each row by itself takes minutes where a set has millions.
        cells_of = table.select_columns(columns.scalars).with_format(None)[:] if columns.scalars else {}
        for place, id_ in enumerate(ids):
            cells = {name: _text(table.features[name], cells_of[name][place]) for name in columns.scalars}
            taken = {columns.text, columns.speaker}
            code = find((columns.language and cells[columns.language]) or "")
            taken |= {columns.language} if code else set()
            taken |= {columns.id} if cells.get("id") == id_ else set()
            described = Utterance(
                id_,
                Path(),
                text=cells[columns.text] if columns.text else None,
                speaker=cells[columns.speaker] if columns.speaker else None,
                language=code,
                labels={name: cell for name, cell in cells.items() if cell and name not in taken},
            )
            yield Listed.of(described, partial(self._with_audio, recordings, columns.audio, place))

    def _with_audio(self, recordings: Any, column: str, place: int, utterance: Utterance) -> Utterance:
        return replace(utterance, path=self._audio(utterance.id, recordings[place][column]))

    def _audio(self, id_: str, cell: dict[str, Any] | None) -> Path:
        """The file of a row: the one that it names, or the bytes that it holds."""
        data, path = (cell or {}).get("bytes"), str((cell or {}).get("path") or "")
        if data:
            return self._clips.keep(data, Path(path).suffix, id_)
        if path and is_file(Path(path)):
            return Path(path)
        return self._clips.absent(id_, f"{path} does not exist" if path else "the row holds none")


class _Where(NamedTuple):
    """A parsed name; `folder` or `repository` is given, and of `parts` at most a configuration and a split."""

    repository: str
    revision: str
    folder: Path | None
    parts: tuple[str, ...]


class _Columns(NamedTuple):
    """Names of columns by what they hold."""

    audio: str
    text: str | None
    speaker: str | None
    language: str | None
    id: str | None
    scalars: list[str]


def _parse(name: str) -> _Where:
    first, *parts = re.split(r":(?![^\[]*\])", name)  # a colon inside brackets is of a slice: test[:100]
    if len(parts) > 2 or any("/" in part for part in parts):
        raise UsageError(f"hf:{name}: write hf:ORG/NAME[@REVISION][:CONFIG][:SPLIT]")
    folder = Path(first).expanduser()
    if first and folder.is_dir():
        return _Where("", "", folder, tuple(parts))
    if first.startswith((".", "/", "~")):
        raise UsageError(f"hf:{name}: there is no folder {first!r}")
    if not _REPOSITORY.fullmatch(first):
        raise UsageError(f"hf:{name}: write hf:ORG/NAME[@REVISION][:CONFIG][:SPLIT], or a folder after hf:")
    repository, _, revision = first.partition("@")
    return _Where(repository, revision, None, tuple(parts))


@contextmanager
def _library(spec: str, is_remote: bool) -> Iterator[Any]:
    """The library while it is used: offline if the user wants that, with errors of one line."""
    try:
        import datasets
        import huggingface_hub
    except ImportError as error:
        raise UnavailableError(
            f"hf:{spec} needs a package that is not installed ({error}): pip install 'codec-bench[hf]'"
        ) from error
    transport: type[Exception] = huggingface_hub.errors.HfHubHTTPError.__mro__[1]  # of the client library, e.g. httpx
    with ExitStack() as restore:
        if is_offline():  # both read the environment when they are imported, and that may have been before
            modules: tuple[Any, ...] = (datasets.config, huggingface_hub.constants)
            for module in modules:
                restore.callback(setattr, module, "HF_HUB_OFFLINE", module.HF_HUB_OFFLINE)
                module.HF_HUB_OFFLINE = True
        try:
            yield datasets
        except (datasets.exceptions.DatasetsError, OSError, ValueError, LookupError, RuntimeError, transport) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            offline = "; CODEC_BENCH_OFFLINE forbids to download it" if is_remote and is_offline() else ""
            raise UnavailableError(f"hf:{spec} cannot be loaded ({reason}){offline}") from error


def _columns(spec: str, table: Any) -> _Columns:
    """Which columns hold what, by their types and names."""
    import datasets

    features = table.features
    audio = [name for name, feature in features.items() if _is_audio(feature)]
    if not audio:
        raise UsageError(f"hf:{spec} has no column of audio; its columns are: {', '.join(features)}")
    kinds = (datasets.Value, datasets.ClassLabel)
    scalars = [
        name
        for name, feature in features.items()
        if isinstance(feature, kinds) and "binary" not in str(getattr(feature, "dtype", ""))
    ]
    strings = [name for name in scalars if "string" in str(features[name].dtype)]
    return _Columns(
        audio="audio" if "audio" in audio else audio[0],
        text=_first(TEXT_COLUMNS, strings),
        speaker=_first(SPEAKER_COLUMNS, scalars),
        language=_first(LANGUAGE_COLUMNS, scalars),
        id="id" if "id" in scalars else None,
        scalars=scalars,
    )


def _is_audio(feature: Any) -> bool:
    """Whether a column is declared as audio, or is what that is stored as."""
    import datasets

    return isinstance(feature, datasets.Audio) or (isinstance(feature, dict) and set(feature) == {"bytes", "path"})


def _first(names: Sequence[str], known: Sequence[str]) -> str | None:
    return next((name for name in names if name in known), None)


def _text(feature: Any, value: Any) -> str | None:
    """A cell as text on one line; None if it is empty. A class is called by its name."""
    if value is None:
        return None
    import datasets

    if isinstance(feature, datasets.ClassLabel):
        return str(feature.int2str(value)) if value >= 0 else None
    return " ".join(str(value).split()) or None
