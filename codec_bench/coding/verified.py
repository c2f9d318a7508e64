"""Before a run: what it uses is compared with known answers, once per machine and weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from codec_bench.adapters.systems import System
from codec_bench.coding.devices import chosen_device, torch_device
from codec_bench.coding.rows import codecs_of
from codec_bench.metrics import Metric
from codec_bench.options import Measurement
from codec_bench.verification import Target, ensure, target_of_codec, target_of_metric


def ensure_verified(systems: Sequence[System], options: Measurement, metrics: Iterable[Metric] = ()) -> None:
    """Verifies codecs and metrics whose files are here, as the options say.

    A cluster has its own machines, so nothing is verified for it here; what failed here is refused all the same.

    Raises:
        UsageError: One of them fails a known answer.
    """
    given: dict[str, Any] = {"allows_failed": options.unverified}
    given["verifies"] = options.verify and getattr(options, "engine", "local") == "local"
    for codec in codecs_of(systems):
        ensure([target_of_codec(codec)], chosen_device(options.device, codec), **given)
    targets: dict[str, Target] = {}
    for made in metrics:
        targets.setdefault((target := target_of_metric(made)).name, target)
    if targets:
        ensure(targets.values(), torch_device(options.device), **given)
