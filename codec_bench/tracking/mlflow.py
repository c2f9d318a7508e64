"""MLflow: https://mlflow.org/docs/latest/tracking. A database or a server: 3.13 and later refuse files."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from codec_bench.errors import UnavailableError
from codec_bench.hub import is_offline
from codec_bench.tracking.findings import Findings, flat, joined

PACKAGES = ("mlflow",)

LONGEST = 240
"""Characters of a name; MLflow takes 250."""

_LONGEST_TEXT = 500
"""Characters of a parameter, which older servers take."""


def write(findings: Findings, place: str) -> None:
    """Makes a run of the experiment that `MLFLOW_EXPERIMENT_NAME` names, or of codec-bench.

    The `place` is the address of a server or a database, by default `MLFLOW_TRACKING_URI` or `sqlite:///mlflow.db`.
    """
    address = place or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if is_offline() and re.match(r"https?:|databricks", address):
        raise UnavailableError("its server is on the network, which CODEC_BENCH_OFFLINE forbids")
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri=address)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "codec-bench"
    known = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if known is None else known.experiment_id
    run = client.create_run(experiment, run_name=findings.title).info
    try:
        numbers = {joined(key): value for key, value in findings.numbers.items()}
        names = names_for(numbers)
        moment = run.start_time
        metrics = [Metric(names[key], value, moment, 0) for key, value in numbers.items()]
        params = [Param(key, value[:_LONGEST_TEXT]) for key, value in _texts(findings.config, "")]
        tags = [RunTag(key, value[:_LONGEST_TEXT]) for key, value in _texts(findings.provenance, "provenance.")]
        tags += [RunTag("kind", findings.kind), RunTag("mlflow.note.content", findings.text)]
        for some in _batches(metrics, 1000):
            client.log_batch(run.run_id, metrics=some)
        for some in _batches(params, 100):
            client.log_batch(run.run_id, params=some)
        for some in _batches(tags, 100):
            client.log_batch(run.run_id, tags=some)
        client.log_text(run.run_id, findings.table.to_csv(index=False), "table.csv")
        client.log_text(run.run_id, findings.text, "table.md")
        for path in findings.files:
            client.log_artifact(run.run_id, str(path))
        for path in findings.pictures.values():
            client.log_artifact(run.run_id, str(path), "plots")
        for sound in findings.sounds:
            folder = names_for([f"audio/{joined((sound.system,))}"])
            client.log_artifact(run.run_id, str(sound.path), *folder.values())
    except BaseException:
        client.set_terminated(run.run_id, "FAILED")
        raise
    client.set_terminated(run.run_id, "FINISHED")


def names_for(names: Iterable[str]) -> dict[str, str]:
    """Names as MLflow takes them: letters, digits, `_-.:/` and spaces. Those that would be one are told apart.

    >>> names_for(["opus@6000/wer[nemo]", "per%", "a+b", "x(y)"])
    {'opus@6000/wer[nemo]': 'opus_6000/wer.nemo', 'per%': 'per_', 'a+b': 'a:b', 'x(y)': 'x_y_'}
    """
    made = {name: _mapped(name) for name in names}
    # Databases that ignore case would make one of two that differ in nothing else.
    times = Counter(mapped.casefold() for mapped in made.values())
    return {
        name: mapped if times[mapped.casefold()] == 1 and len(mapped) <= LONGEST else _told_apart(name, mapped)
        for name, mapped in made.items()
    }


def _mapped(name: str) -> str:
    text = re.sub(r"\[(.*?)\]", r".\1", name).replace("+", ":")
    text = re.sub(r"[^\w.\-:/ ]", "_", text)
    # What a path would not keep as it is: no part is empty, or dots alone.
    return "/".join("_" if not part.strip(". ") else part for part in text.split("/"))


def _told_apart(name: str, mapped: str) -> str:
    return f"{mapped[: LONGEST - 9]}.{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _texts(content: object, above: str) -> Iterator[tuple[str, str]]:
    texts = flat(content)  # type: ignore[arg-type]
    names = names_for(f"{above}{key}" for key in texts)
    for key, value in texts.items():
        yield names[f"{above}{key}"], value


def _batches(entries: list[object], size: int) -> Iterator[list[object]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
