"""What runs in a process of its own: one target after the other, so that a model that aborts costs its own checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.verification.checks import results_of
from codec_bench.verification.targets import target_of


class Verifier:
    """Makes the checks of targets."""

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The results of a target.

        Args:
            job: `target`, its name; `quick`, whether what takes minutes is left out; `missing`, why inputs could not be
                had; `device`.
        """
        (target,) = target_of(job["target"])
        plugin = target.plugin
        if isinstance(plugin, Codec):
            plugin.load(job["device"])
        try:
            checks = target.chosen(job["quick"])
            found = results_of(target.name, plugin, target.file, checks, job["missing"], device=job["device"])
            return {"results": [result.describe() for result in found]}
        finally:
            if isinstance(plugin, Codec):
                plugin.close()
