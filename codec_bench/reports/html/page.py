"""Puts the parts of the report together: one HTML file that works from a disk, without network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from codec_bench.files import write_atomically
from codec_bench.reports.cells import Table
from codec_bench.reports.html.audio import embed_audio, has_audio, keeping_command
from codec_bench.reports.html.embedding import embedded_json, embedded_script, source_hash
from codec_bench.reports.html.explorer import explorer
from codec_bench.reports.html.overview import KINDS, overview
from codec_bench.reports.html.pictures import pictures
from codec_bench.reports.html.tables import plot_data, views
from codec_bench.runs.directory import Run
from codec_bench.version import __version__

SCRIPTS = (
    "core", "theme", "tables", "scatter", "spectrogram", "player", "differences", "utterance", "list", "worst", "main",
)  # fmt: skip
"""Files in the folder `assets`, in the order in which the page runs them."""


def write_html(runs: Sequence[Run], tables: Sequence[Table], out: Path, *, plots: Sequence[Any] = ()) -> Path:
    """Writes `report.html`: tables, an interactive plot, the plots of `out/plots`, every utterance, and provenance.

    Args:
        runs: Finished runs of any kind; those that kept audio can be listened to.
        tables: What `build_tables` made of them.
        out: Folder of the report. Audio above 30 MB, or of over 2,000 utterances, goes to `report_audio` beside it.
        plots: What `write_plots` returned, for titles and captions; pictures in `out/plots` are shown in any case.

    Returns:
        The page. It needs no other file unless the audio was too large for it.

    Raises:
        UsageError: A file of a run is damaged, or the folder cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    shown, overviews = views(runs, tables, KINDS), [overview(run) for run in runs]
    explorers = {i: explorer(run) for i, run in enumerate(runs) if run.kind == "reconstruction"}
    heard = {i: runs[i] for i in explorers if has_audio(runs[i])}
    audio = embed_audio(heard, {i: explorers[i]["utterances"]["id"] for i in heard}, out)
    titles = [about.title for about in overviews]
    for i, part in explorers.items():
        # The folder tells runs apart whose kind and data set do not.
        name = f"{titles[i]} ({overviews[i].folder})" if titles.count(titles[i]) > 1 else titles[i]
        part |= {"run": i, "name": name, "audio": i in heard, "keep": keeping_command(runs[i])}
    data = {"tables": plot_data(shown, runs), "runs": list(explorers.values()), "embedded": audio is not None}
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    program = embedded_script(f'(() => {{\n"use strict";\n{parts}\n}})();\n')
    plotly = embedded_script(str(get_plotlyjs()))
    # Hashes allow our two scripts and no other; with audio in files these may load further ones, from file:// too.
    allowed = [source_hash(s) for s in (plotly, program)] + ([] if audio is not None else ["'strict-dynamic'"])
    environment = Environment(
        loader=PackageLoader("codec_bench.reports.html", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        title="codec-bench: " + ", ".join(dict.fromkeys(run.info["plan"]["dataset"]["name"] for run in runs)),
        version=__version__,
        overviews=overviews,
        tables=shown,
        pictures=pictures(out, plots),
        data=embedded_json(data),
        audio={key: embedded_json(tracks) for key, tracks in (audio or {}).items()},
        explored=bool(explorers),
        styles=Markup(_asset("report.css")),  # noqa: S704 - a file of this package
        program=program,
        plotly=plotly,
        script_sources=" ".join(allowed),
    )
    path = out / "report.html"
    write_atomically(path, page.encode())
    return path


def _asset(name: str) -> str:
    return (resources.files("codec_bench.reports.html") / "assets" / name).read_text(encoding="utf-8")
