"""A comparison as Markdown, for a pull-request comment or a job summary."""

from __future__ import annotations

import re

from codec_bench.comparison import wording
from codec_bench.comparison.compare import Comparison
from codec_bench.comparison.decision import Verdict
from codec_bench.markdown import table_row

LEFT = 2
"""Columns with words, from the left; the last one is words too."""


def markdown(comparison: Comparison) -> str:
    """Headline, reasons, the table, the utterances that changed most."""
    found = wording.lines(comparison)
    parts = [
        f"## codec-bench: {escape(wording.headline(comparison))}",
        escape(wording.sources(comparison)),
        "\n".join(f"- {escape(reason)}" for reason in wording.explanations(comparison)),
    ]
    head = [escape(h) for h in wording.HEADINGS]
    middle = len(head) - LEFT - 1
    lines = [table_row(head), table_row([*["---"] * LEFT, *["---:"] * middle, "---"])]
    for line in found:
        cells = [escape(cell) for cell in line.cells]
        if line.verdict is Verdict.REGRESSION:
            cells[-1] = f"**{cells[-1]}**"
        lines.append(table_row(cells))
    parts.append("\n".join(lines))
    for title, worst in wording.worst_lists(comparison):
        rows = [table_row(["utterance", "baseline", "candidate", "audio"]), table_row(["---", "---:", "---:", "---"])]
        for changed in worst:
            audio = ", ".join(escape(path) for path in changed.audio) or "–"
            rows.append(
                table_row([escape(changed.utterance), f"{changed.baseline:.3f}", f"{changed.candidate:.3f}", audio])
            )
        table = "\n".join(rows)
        parts.append(
            f"<details><summary>Most changed utterances: {escape(title, html=True)}</summary>\n\n{table}\n\n</details>"
        )
    parts.append("\n".join(f"- {escape(note)}" for note in wording.footnotes(comparison)))
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str, *, html: bool = False) -> str:
    r"""Text that stays text: names of systems and utterances come from users, and a comment is read by many.

    Args:
        text: What is to be read.
        html: Whether it stands inside an HTML tag, where Markdown is not read.

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
