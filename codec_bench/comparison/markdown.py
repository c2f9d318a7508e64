"""A comparison as Markdown, for a pull-request comment or a job summary."""

from __future__ import annotations

import re

from codec_bench.comparison import wording
from codec_bench.comparison.compare import Comparison
from codec_bench.comparison.decision import Verdict
from codec_bench.grids import Grid, Marked


def markdown(comparison: Comparison) -> str:
    """Headline, reasons, the table, the utterances that changed most."""
    parts = [
        f"## codec-bench: {escape(wording.headline(comparison))}",
        escape(wording.sources(comparison)),
        "\n".join(f"- {escape(reason)}" for reason in wording.explanations(comparison)),
    ]
    rows: list[list[str | Marked]] = [
        [*cells, Marked(words, markdown="**{}**" if verdict is Verdict.REGRESSION else "{}")]
        for (*cells, words), verdict in wording.lines(comparison)
    ]
    parts.append(Grid(wording.HEADINGS, rows, right=range(2, len(wording.HEADINGS) - 1)).markdown(escape).rstrip())
    parts += [f"Worst speakers: {escape(line)}" for line in wording.worst_speakers(comparison)]
    for title, worst in wording.worst_lists(comparison):
        grid = Grid(
            ("utterance", "baseline", "candidate", "audio"),
            [(c.utterance, f"{c.baseline:.3f}", f"{c.candidate:.3f}", ", ".join(c.audio) or "–") for c in worst],
            right=(1, 2),
        )
        parts.append(
            f"<details><summary>Most changed utterances: {escape(title, html=True)}</summary>\n\n"
            f"{grid.markdown(escape)}\n</details>"
        )
    parts.append("\n".join(f"- {escape(note)}" for note in wording.footnotes(comparison)))
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str, *, html: bool = False) -> str:
    r"""Text that stays text: names of systems and utterances come from users, and a comment is read by many.

    With `html` it stands inside an HTML tag, where Markdown is not read.

    >>> escape("a|b_<script>\n# x")
    'a\\|b\\_&lt;script&gt; \\# x'
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if html:
        return text
    text = re.sub(r"([\\`*_|\[\]#~!$])", r"\\\1", text)
    # GitHub notifies people who are mentioned, and links bare addresses.
    return re.sub(r"(?<!\w)@(?=\w)|(?<=http)(?=s?:)|(?<=www)(?=\.)", lambda m: f"{m[0]}<!-- -->", text)
