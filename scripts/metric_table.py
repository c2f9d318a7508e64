"""Prints the table of metrics of docs/metrics.md; a test compares the two."""

from __future__ import annotations

from codec_bench.audio import RESAMPLER
from codec_bench.metrics import METRICS


def table() -> str:
    """The Markdown table of all shipped metrics, in their order."""
    lines = ["| name | unit | better | rate | variants | definition |", "|---|---|---|---|---|---|"]
    for name in METRICS.names():
        found = METRICS.get(name)
        named = "" if callable(found.variants) else " ".join(f"`[{v}]`" for v in found.variants)
        variants = named or ("recogniser" if found.takes_recogniser else "`[RATE]`" if callable(found.variants) else "")
        rate = f"{found.rate // 1000} kHz" if found.rate else "its own"
        rate += f", {found.resampler}" if found.resampler not in ("", RESAMPLER) else ""
        arrow = {"higher": "↑", "lower": "↓"}[found.better]
        note = found.note.replace("|", "\\|")
        lines.append(f"| `{name}` | {found.unit} | {arrow} | {rate} | {variants} | {note} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
