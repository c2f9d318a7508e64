"""Weights & Biases: https://docs.wandb.ai/guides/track. Works without an account with `WANDB_MODE=offline`."""

from __future__ import annotations

import os
import re

from codec_bench.hub import is_offline
from codec_bench.tracking.findings import Findings, joined

PACKAGES = ("wandb",)


def write(findings: Findings, place: str) -> None:
    """Makes a run of a project; `place` is PROJECT or ENTITY/PROJECT, by default `WANDB_PROJECT` or codec-bench."""
    import wandb

    entity, _, project = place.rpartition("/")
    run = wandb.init(
        entity=entity or None,
        project=project or os.environ.get("WANDB_PROJECT") or "codec-bench",
        name=findings.title,
        job_type=findings.kind,
        config={"config": dict(findings.config), "provenance": dict(findings.provenance)},
        mode="offline" if is_offline() else None,
        reinit="create_new",  # a training loop that calls us has a run of its own
        # What the user's program prints is none of this run, and nobody is asked for a key after a long run.
        settings=wandb.Settings(console="off", silent=True, login_timeout=20, save_code=False, disable_git=True),
    )
    try:
        run.log({joined(name): value for name, value in findings.numbers.items()})
        # A column of one type: whole numbers without a value would be floats, and texts numbers.
        table = findings.table.astype(object).where(findings.table.notna(), None)
        shown = {"table": wandb.Table(columns=[*table.columns], data=table.values.tolist(), allow_mixed_types=True)}
        shown |= {f"plots/{name}": wandb.Image(str(path)) for name, path in findings.pictures.items()}
        if findings.sounds:
            rows = [[s.utterance, s.system, wandb.Audio(str(s.path))] for s in findings.sounds]
            shown["audio"] = wandb.Table(columns=["utterance", "system", "audio"], data=rows)
        run.log(shown)
        if findings.files:
            artifact = wandb.Artifact(re.sub(r"[^\w.-]", "_", findings.title), type="eval_results")
            for path in findings.files:
                artifact.add_file(str(path))
            run.log_artifact(artifact)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()
