"""trackio: https://huggingface.co/docs/trackio. A local database, in `TRACKIO_DIR` where that is set."""

from __future__ import annotations

import os
from contextvars import Context

from codec_bench.tracking.findings import Findings, joined

PACKAGES = ("trackio",)


def write(findings: Findings, place: str) -> None:
    """Makes a run of a project; `place` is its name, by default `TRACKIO_PROJECT` or codec-bench."""
    project = place or os.environ.get("TRACKIO_PROJECT") or "codec-bench"
    # A new run ends the one of its context, which may be that of a training loop that calls us.
    Context().run(_write, findings, project)


def _write(findings: Findings, project: str) -> None:
    import trackio

    config = {"config": dict(findings.config), "provenance": dict(findings.provenance)}
    trackio.init(project=project, name=findings.title, config=config, embed=False)
    try:
        shown = {joined(name): value for name, value in findings.numbers.items()}
        shown["table"] = trackio.Table(dataframe=findings.table)
        shown["report"] = trackio.Markdown(findings.text)
        shown |= {f"plots/{name}": trackio.Image(str(path)) for name, path in findings.pictures.items()}
        for sound in findings.sounds:
            shown[f"audio/{joined((sound.utterance, sound.system))}"] = trackio.Audio(str(sound.path))
        trackio.log(shown)
    finally:
        trackio.finish()
