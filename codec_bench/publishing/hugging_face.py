"""Results on Hugging Face: the `model-index` of a model card, and a data set that holds a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from codec_bench.errors import UnavailableError, UsageError, first_line
from codec_bench.extras import cannot_import
from codec_bench.files import write_atomically
from codec_bench.publishing.result import PublishedMetric, Result

PREFIX = "hf:"
TASK = "audio-to-audio"
"""What Hugging Face calls reconstruction."""


def write_model_card(results: Sequence[Result], path: Path, *, replace: bool = False) -> int:
    """Writes the front matter of a codec's model card with its results; the text below it stays.

    Args:
        results: Results of one codec, at any of its settings.
        path: The card, `README.md` of a model's repository.
        replace: Whether a card that is there may be changed; results in it go, other facts in it stay.

    Returns:
        How many values it holds, as the library's own reader finds them.

    Raises:
        UsageError: The results are of several codecs, or the card is there and may not be changed, or is no card.
        UnavailableError: `huggingface_hub` is not installed.
    """
    hub = _library()
    codecs = sorted({r.system.codec for r in results if r.system.group != "reference"})
    if len(codecs) != 1:
        raise UsageError(f"--model-card is of one codec, and the runs have {', '.join(codecs) or 'none'}")
    mine = [r for r in results if r.system.codec == codecs[0]]
    found = [_eval_result(hub, r, m) for r in mine for m in r.metrics if m.value is not None]
    if path.exists() and not replace:
        raise UsageError(f"{path} is there already: --replace puts these results into its front matter")
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path.exists()
            else f"---\ntags:\n- {TASK}\n---\n# {mine[0].system.title}\n"
        )
        card = hub.ModelCard(text, ignore_metadata_errors=False)
        card.data.model_name = card.data.model_name or mine[0].system.title or codecs[0]
        card.data.eval_results = found
        content = str(card)
        read = hub.ModelCard(content).data.eval_results or []
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} is no model card: {first_line(error)}") from error
    if len(read) != len(found):
        raise UsageError(f"{path}: {len(found)} values were written, and {len(read)} can be read")
    write_atomically(path, content.encode())
    return len(read)


def _eval_result(hub: Any, result: Result, metric: PublishedMetric) -> Any:
    data = result.dataset
    interval = {} if metric.low is None else {"ci95_low": metric.low, "ci95_high": metric.high}
    return hub.EvalResult(
        task_type=TASK,
        task_name="speech reconstruction" if result.kind == "reconstruction" else result.kind,
        dataset_type=data.name,
        dataset_name=data.title or data.name,
        dataset_config=result.label,
        dataset_revision=data.manifest_sha256,
        dataset_args={"utterances": data.utterances, "kbps": result.bitrate.kbps},
        metric_type=metric.name,
        metric_name=metric.heading,
        metric_value=metric.value,
        metric_args={
            "unit": metric.unit,
            "n": metric.n,
            "expected": metric.expected,
            "version": metric.version,
            **interval,
        },
    )


def push(folder: Path, target: str, endpoint: str | None = None) -> str:
    """Uploads a results folder to a data set of Hugging Face, as one commit; returns its address.

    Args:
        folder: The folder.
        target: `hf:ORG/DATASET`; it has to exist.
        endpoint: Another host than huggingface.co, by default that of `HF_ENDPOINT`.

    Raises:
        UsageError: The name is none, or the host refused.
        UnavailableError: `huggingface_hub` is not installed.
    """
    hub = _library()
    name = target.removeprefix(PREFIX)
    if name.count("/") != 1 or not all(name.split("/")):
        raise UsageError(f"{target} names no data set: write hf:ORG/DATASET")

    known = import_module("huggingface_hub.errors")  # whose client for HTTP depends on its version
    try:
        done = hub.HfApi(endpoint=endpoint).upload_folder(
            repo_id=name,
            repo_type="dataset",
            folder_path=folder,
            path_in_repo="results",
            commit_message="Results of codec-bench",
        )
    except (known.HTTPError, known.HFValidationError, OSError, ValueError) as error:
        raise UsageError(f"{target} cannot be written: {first_line(error)}; is it there, and HF_TOKEN set?") from error
    return str(done)


def _library() -> Any:
    if (reason := cannot_import(("huggingface_hub",), "hf")) is not None:
        raise UnavailableError(reason)
    import huggingface_hub

    return huggingface_hub
