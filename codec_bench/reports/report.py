"""The report of one or several runs: tables in every format, plots, and the interactive page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.options import BANDS
from codec_bench.registry import unknown
from codec_bench.reports.formats.csv import grid_csvs, tidy_csv
from codec_bench.reports.formats.html import html_page
from codec_bench.reports.formats.latex import latex
from codec_bench.reports.formats.markdown import markdown_page
from codec_bench.reports.table import Bold, build_tables
from codec_bench.runs.directory import Run
from codec_bench.terminal import shown

FORMATS = ("md", "csv", "tex", "html")


def write_report(
    runs: Sequence[Run],
    out: Path,
    *,
    formats: Sequence[str] = FORMATS,
    plots: bool = True,
    intervals: bool = True,
    efficiency: bool = False,
    bands: Sequence[float] = BANDS,
    bold: Bold = "ties",
    bd_rate: str | None = None,
    ranking: bool = False,
    plot_kinds: Sequence[str] | None = None,
    plot_formats: Sequence[str] = ("png",),
) -> list[Path]:
    """Writes `table.<format>` for each format, `plots/`, and with `html` also the interactive `report.html`.

    Args:
        runs: Finished runs of any kind; those that can be compared share a table, see `build_tables`.
        out: The folder; made where it is not there.
        formats: Any of `md`, `csv`, `tex`, `html`.
        plots: Whether pictures are drawn.
        intervals: Whether values in Markdown, LaTeX and static HTML have their intervals; CSV always has them.
        efficiency: Whether tokens per second, codebooks, parameters, causal and streaming are columns; CSV always has
            them.
        bands: Edges of the bitrate groups in kbit/s, falling.
        bold: What is bold in a group; see `build_table`.
        bd_rate: Codec that rates and distortions of others are compared with; as CSV, a file for each table.
        ranking: Whether the systems of each bitrate group are ranked; the same.
        plot_kinds: Which pictures, see `plots.KINDS`; all for which there are data by default.
        plot_formats: Any of `png`, `svg`, `pdf`.

    Returns:
        The files, tables first.

    Raises:
        UsageError: There is no such format or kind of bold, a run cannot be read, or the folder cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(unknown("format", name, list(FORMATS)))
    if bold not in get_args(Bold):
        raise UsageError(unknown("kind of bold", bold, list(get_args(Bold))))
    runs = list({run.path.resolve(): run for run in runs}.values())
    tables = build_tables(runs, bands, bold, bd_rate=bd_rate, ranking=ranking)
    texts = {
        "md": lambda: markdown_page(tables, intervals=intervals, efficiency=efficiency),
        "csv": lambda: tidy_csv(tables),
        "tex": lambda: latex(tables, intervals=intervals, efficiency=efficiency),
        "html": lambda: html_page(tables, intervals=intervals, efficiency=efficiency),
    }
    written = []
    for name in dict.fromkeys(formats):
        path = out / f"table.{name}"
        text = texts[name]()
        write_atomically(path, (text if name == "csv" else shown(text)).encode("utf-8", "replace"))
        written.append(path)
        for end, lines in (grid_csvs(tables) if name == "csv" else {}).items():
            written.append(out / f"table-{end}.csv")
            write_atomically(written[-1], lines.encode())
    drawn = []
    if plots:
        from codec_bench.reports.plots import write_plots

        drawn = write_plots(runs, out / "plots", plot_formats, plot_kinds, bands)
        written += [path for plot in drawn for path in plot.paths]
    if "html" in formats:
        from codec_bench.reports.html import write_html

        written.append(write_html(runs, tables, out, plots=drawn))
    return written
