"""The interactive report: one HTML file with tables, plots, utterances and audio, without network or server."""

from codec_bench.reports.html.page import write_html

__all__ = ["write_html"]
