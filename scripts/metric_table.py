"""Prints the table of metrics of docs/metrics.md; a test compares the two."""

from __future__ import annotations

from codec_bench.metrics import METRICS


def table() -> str:
    """The Markdown table of all shipped metrics, in their order."""
    lines = ["| name | unit | better | rate | variants | definition |", "|---|---|---|---|---|---|"]
    for name in METRICS.names():
        found = METRICS.get(name)
        variants = "recogniser" if callable(found.variants) else " ".join(f"`[{v}]`" for v in found.variants)
        arrow = {"higher": "↑", "lower": "↓"}[found.better]
        note = found.note.replace("|", "\\|")
        lines.append(f"| `{name}` | {found.unit} | {arrow} | {found.rate // 1000} kHz | {variants} | {note} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
