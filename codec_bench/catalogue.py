"""What there is, and whether it can run here: codecs, metrics, data sets, tasks of probes, papers' tables."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

OWN_DATASETS = {
    "FILE.tsv": "a manifest with the columns id and path",
    "DIR": "a folder of audio files",
    "kaldi:DIR": "a Kaldi data folder, with its wav.scp",
    "hf:ORG/NAME[@REVISION][:CONFIG][:SPLIT]": "a data set of Hugging Face, also saved",
    "lhotse:FILE|DIR": "Lhotse cuts, or a folder of manifests",
}
"""How users name their own data; see `datasets/loading.py`."""


def codec_facts() -> list[dict[str, Any]]:
    """One entry per codec, for programs: rates in Hz, bitrates in kbit/s, sizes in bytes, None if unknown."""
    from codec_bench.adapters import CODECS
    from codec_bench.adapters.standing import codec_standing
    from codec_bench.verification import state_of_name

    facts = []
    for name in CODECS.names():
        if name.startswith("test-"):
            continue
        cls = CODECS.get(name)
        specs = {mode: cls.mode_spec(mode) for mode in cls.modes or (None,)}
        spec = next(iter(specs.values()))
        sizes = [weight.size or weight.rough_size for weight in cls.weights()]
        licences = dict.fromkeys(text for text in (spec.licence, spec.weights_licence) if text)
        facts.append(
            {
                "codec": name,
                "title": getattr(cls, "title", spec.title),
                "group": spec.group.value,
                "delay_samples": spec.delay,
                "polarity": spec.polarity,
                "rates_hz": [spec.input_rate, spec.output_rate],
                "frame_rate_hz": spec.frame_rate,
                "codebooks": _books_text([book.size for book in spec.codebooks]),
                "settings": [
                    {"setting": setting, "codebooks": count, "kbps": None if bitrate is None else bitrate / 1000}
                    for mode, made in specs.items()
                    for setting, count, bitrate in _settings(cls, mode, made)
                ],
                "counted_otherwise_kbps": {name: bitrate / 1000 for name, bitrate in spec.counted_otherwise},
                "parameters": spec.parameters,
                "causal": spec.causal,
                "streaming": spec.streaming,
                "decodes": spec.decodes,
                "licence": " / weights: ".join(licences),
                "non_commercial": any(part in " ".join(licences).upper() for part in ("-NC", "NON-COMMERCIAL", "NSCL")),
                "download_bytes": None if None in sizes else sum(size for size in sizes if size),
                "source": spec.source,
                "runs_here": cls.unavailable(),
                "state": codec_standing(cls).state.value,
                "known_answers": state_of_name(f"codec:{name}").value,
            }
        )
    return facts


def _settings(cls: Any, mode: str | None, spec: Any) -> list[tuple[str, int | None, float | None]]:
    """Standard settings of a codec at a mode: how each is written, its codebooks, and bit/s where they are fixed."""
    counts = list(cls.prefixes) or [None]
    prefix = "" if mode is None else f"@{mode}"
    return [
        (prefix or (f"@{count}" if count else ""), count or len(spec.codebooks) or None, spec.bitrate(count))
        for count in counts
        if count is None or count <= len(spec.codebooks)
    ]


def _books_text(sizes: list[int]) -> str:
    """Codebooks as `count x size`, e.g. `1x8192+3x8100`.

    >>> _books_text([8192, 8100, 8100])
    '1x8192+2x8100'
    """
    return "+".join(f"{len(list(group))}x{size}" for size, group in groupby(sizes))


def metric_rows() -> list[dict[str, Any]]:
    """One row per metric."""
    from codec_bench.metrics import METRICS

    rows = []
    for name in METRICS.names():
        found = METRICS.get(name)
        low, high = found.range
        bounds = f"{'' if low is None else f'{low:g}'} .. {'' if high is None else f'{high:g}'}"
        any_of = "any recogniser" if found.takes_recogniser else "any rate"
        variants = [any_of] if callable(found.variants) else list(found.variants)
        rows.append(
            {
                "metric": name,
                "unit": found.unit,
                "better": found.better,
                "range": bounds,
                "rate": f"{found.rate / 1000:g} kHz" if found.rate else "its own",
                "resampler": found.resampler,
                "hears polarity": "yes" if found.hears_polarity else "",
                "licence": ", ".join(dict.fromkeys(model.licence for model in found.learned)),
                "runs here": found.unavailable() or "yes",
                "variants": " ".join(variants),
                "definition": found.note,
            }
        )
    return rows


def dataset_rows() -> list[dict[str, Any]]:
    """One row per data set."""
    from codec_bench.datasets import DATASETS

    rows: list[dict[str, Any]] = []
    for name in DATASETS.names():
        made = DATASETS.get(name)()
        state = made.state()
        rows.append(
            {
                "dataset": name,
                "title": made.title,
                "download": made.size_text,
                "licence": made.licence,
                "state": f"{state.access.value}: {state.detail}" if state.detail else state.access.value,
                "leak": made.leak,
                "source": made.source,
            }
        )
    own = {"download": "none", "licence": "yours", "state": "here", "leak": "", "source": ""}
    for spelling, title in OWN_DATASETS.items():
        rows.append({"dataset": spelling, "title": title, **own})
    return rows


def task_rows() -> list[dict[str, Any]]:
    """One row per task of `probe`."""
    from codec_bench.probes.recipes import RECIPES, SETS, heads_of

    needs = {"label": "label", "speaker": "speaker", "text": "transcript", "phones": "transcript"}
    columns = {"label": "accuracy, macro F1; mAP where labels have semicolons", "speaker": "accuracy, macro F1"}
    return [
        {
            "task": name,
            "title": recipe.title,
            "column": needs[recipe.target],
            "gives": columns.get(recipe.target, "PER" if recipe.target == "phones" else "WER, CER"),
            "sets": " ".join(SETS[name]),
            "heads": " ".join(heads_of(recipe)),
            "without a split": ("speakers apart" if recipe.speaker_disjoint else "utterances apart")
            + (f", {recipe.folds} folds" if recipe.folds > 1 else ""),
            "version": recipe.version,
        }
        for name, recipe in RECIPES.items()
    ]


def paper_facts() -> list[dict[str, Any]]:
    """One entry per published table, for programs; `systems` says of each row what it takes to have its system here.

    `rows_fetchable` run once their weights are fetched; `left_out` is why a table or figure is not held.
    """
    from codec_bench.adapters.standing import State
    from codec_bench.reproduction import load_paper, paper_names
    from codec_bench.reproduction.availability import command_of, datasets_of, standing

    facts: list[dict[str, Any]] = []
    for name in paper_names():
        paper = load_paper(name)
        of_paper = {"paper": paper.title, "citation": paper.citation, "source": paper.url}
        for table in paper.tables.values():
            systems = [(row, standing(table, row)) for row in table.rows]
            states = [found.state for _, found in systems]
            facts.append(
                {
                    "table": table.id,
                    **of_paper,
                    "where": table.where,
                    "kind": table.kind,
                    "caption": table.caption,
                    "datasets": datasets_of(table),
                    "columns": [column.title for column in table.columns.values()],
                    "rows": len(states),
                    "rows_here": states.count(State.HERE),
                    "rows_fetchable": states.count(State.FETCH),
                    "systems": [
                        {
                            "row": table.label(row),
                            "system": row.system,
                            "state": found.state.value,
                            "reason": found.reason,
                        }
                        for row, found in systems
                    ],
                    "command": command_of(table),
                    "left_out": "",
                }
            )
        nothing = {
            "where": "", "kind": "", "caption": "", "datasets": [], "columns": [], "rows": 0, "rows_here": 0,
            "rows_fetchable": 0, "systems": [], "command": "",
        }  # fmt: skip
        for number, why in paper.left_out.items():
            facts.append({"table": f"{paper.name}:{number}", **of_paper, **nothing, "left_out": why})
    return facts


def list_codecs() -> pd.DataFrame:
    """All codecs, as `codec-bench list codecs --json` has them; `runs_here` is empty, or why one does not.

    >>> list_codecs().set_index("codec").loc["opus", "group"]
    'classic'
    """
    return _frame(codec_facts())


def list_metrics() -> pd.DataFrame:
    """All metrics: unit, direction, range, variants, definition, and whether each runs here."""
    return _frame(metric_rows())


def list_datasets() -> pd.DataFrame:
    """All data sets: size, licence, state, and how one's own data are named."""
    return _frame(dataset_rows())


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
