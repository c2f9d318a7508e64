"""Puts the parts of the report together: one HTML file that works from a disk, without network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from codec_bench.files import write_atomically
from codec_bench.reports.cells import Table
from codec_bench.reports.html.audio import are_many, embed_audio, has_audio, keeping_command
from codec_bench.reports.html.embedding import embedded_json, embedded_script, source_hash
from codec_bench.reports.html.explorer import explorer
from codec_bench.reports.html.overview import KINDS, overview
from codec_bench.reports.html.pictures import EMBEDDED_PICTURES, pictures
from codec_bench.reports.html.tables import plot_data, views
from codec_bench.runs.directory import Run
from codec_bench.version import __version__

SCRIPTS = (
    "core", "theme", "tables", "scatter", "spectrogram", "player", "differences", "utterance", "list", "worst", "main",
)  # fmt: skip
"""Files in the folder `assets`, in the order in which the page runs them."""

PAGE_BYTES = 10_000_000
"""That a page of more than `audio.EMBEDDED_UTTERANCES` utterances may have with all of their scores and texts."""

LINKED_PICTURES = 1_500_000
"""Bytes of pictures in such a page: with Plotly, half of what it may have."""

DATA_FILE = "report_data.js"
"""Where scores and texts are that would make a page larger. A script and no JSON, as for audio."""


def write_html(runs: Sequence[Run], tables: Sequence[Table], out: Path, *, plots: Sequence[Any] = ()) -> Path:
    """Writes `report.html`: tables, an interactive plot, the plots of `out/plots`, every utterance, and provenance.

    Args:
        runs: Finished runs of any kind; those that kept audio can be listened to.
        tables: What `build_tables` made of them.
        out: Folder of the report. Audio above 30 MB, or of over 2,000 utterances, goes to `report_audio` beside it, and
            scores and texts of over 2,000 utterances to `report_data.js` where the page would have over 10 MB.
        plots: What `write_plots` returned, for titles and captions; pictures in `out/plots` are shown in any case.

    Returns:
        The page. It needs no other file unless audio, scores or texts were too large for it.

    Raises:
        UsageError: A file of a run is damaged, or the folder cannot be written.
    """
    shown, overviews = views(runs, tables, KINDS), [overview(run) for run in runs]
    explorers = {i: explorer(run) for i, run in enumerate(runs) if run.kind == "reconstruction"}
    heard = {i: runs[i] for i in explorers if has_audio(runs[i])}
    utterances = {i: part["utterances"]["id"] for i, part in explorers.items()}
    audio = embed_audio(heard, {i: utterances[i] for i in heard}, out)
    titles = [about.title for about in overviews]
    for i, part in explorers.items():
        # The folder tells runs apart whose kind and data set do not.
        name = f"{titles[i]} ({overviews[i].folder})" if titles.count(titles[i]) > 1 else titles[i]
        part |= {"run": i, "name": name, "audio": i in heard, "keep": keeping_command(runs[i])}
    data = {"tables": plot_data(shown, runs), "runs": list(explorers.values()), "embedded": audio is not None}
    content = {
        "title": "codec-bench: " + ", ".join(dict.fromkeys(run.info["plan"]["dataset"]["name"] for run in runs)),
        "version": __version__,
        "overviews": overviews,
        "tables": shown,
        "audio": {key: embedded_json(tracks) for key, tracks in (audio or {}).items()},
        "explored": bool(explorers),
    }
    is_bounded = are_many(utterances)
    drawn = pictures(out, plots, LINKED_PICTURES if is_bounded else EMBEDDED_PICTURES)
    page = _rendered(content | {"pictures": drawn}, data)
    (out / DATA_FILE).unlink(missing_ok=True)  # of an older report in the same folder
    if is_bounded and len(page) > PAGE_BYTES:
        write_atomically(out / DATA_FILE, f"codecBenchData({embedded_json(data['runs'])});\n".encode())
        page = _rendered(content | {"pictures": drawn}, data | {"runs": [], "beside": DATA_FILE})
    path = out / "report.html"
    write_atomically(path, page)
    return path


def _rendered(content: Mapping[str, Any], data: Mapping[str, Any]) -> bytes:
    """The page with what its scripts read, which may load further scripts where something lies beside it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    program = embedded_script(f'(() => {{\n"use strict";\n{parts}\n}})();\n')
    plotly = embedded_script(str(get_plotlyjs()))
    # Hashes allow our two scripts and no other; with files beside the page these may load them, from file:// too.
    alone = data["embedded"] and "beside" not in data
    allowed = [source_hash(s) for s in (plotly, program)] + ([] if alone else ["'strict-dynamic'"])
    environment = Environment(
        loader=PackageLoader("codec_bench.reports.html", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        **content,
        data=embedded_json(data),
        styles=Markup(_asset("report.css")),  # noqa: S704 - a file of this package
        program=program,
        plotly=plotly,
        script_sources=" ".join(allowed),
    )
    return page.encode()


def _asset(name: str) -> str:
    return (resources.files("codec_bench.reports.html") / "assets" / name).read_text(encoding="utf-8")
