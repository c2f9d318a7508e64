"""Puts the parts of the report together: one HTML file that works from a disk, without network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codec_bench.files import write_atomically
from codec_bench.reports.cells import Table
from codec_bench.reports.html.audio import are_many, embed_audio, has_audio, keeping_command
from codec_bench.reports.html.embedding import embedded_json
from codec_bench.reports.html.explorer import explorer
from codec_bench.reports.html.frame import Frame
from codec_bench.reports.html.overview import KINDS, overview
from codec_bench.reports.html.pictures import EMBEDDED_PICTURES, pictures
from codec_bench.reports.html.tables import plot_data, views
from codec_bench.runs.directory import Run

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
    from plotly.offline import get_plotlyjs

    frame = Frame(SCRIPTS, library=str(get_plotlyjs()))
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
        "overviews": overviews,
        "tables": shown,
        "audio": {key: embedded_json(tracks) for key, tracks in (audio or {}).items()},
        "explored": bool(explorers),
    }
    is_bounded = are_many(utterances)
    drawn = pictures(out, plots, LINKED_PICTURES if is_bounded else EMBEDDED_PICTURES)
    content["pictures"] = drawn
    # With files beside the page its scripts may load these, from file:// too.
    page = frame.page("report.html.j2", content, data, may_load=audio is None)
    (out / DATA_FILE).unlink(missing_ok=True)  # of an older report in the same folder
    if is_bounded and len(page) > PAGE_BYTES:
        write_atomically(out / DATA_FILE, f"codecBenchData({embedded_json(data['runs'])});\n".encode())
        page = frame.page("report.html.j2", content, data | {"runs": [], "beside": DATA_FILE}, may_load=True)
    path = out / "report.html"
    write_atomically(path, page)
    return path
