"""From a run to results: what is published of it, and the scores and recordings beside that."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from codec_bench.discretion import discreet, discreet_text
from codec_bench.errors import UsageError
from codec_bench.files import digest
from codec_bench.publishing.result import PublishedFile, Result, Sample, private_part
from codec_bench.publishing.scores import scores_file
from codec_bench.runs.directory import Run, slug

GROUND_TRUTH = "ground-truth"

SAMPLES = 3
"""Utterances whose audio is published of a run that kept it."""

_FACTS = (
    "title", "group", "fingerprint", "frame_rate_hz", "tokens_per_second", "input_rate", "output_rate", "delay_samples",
    "polarity", "parameters", "causal", "streaming", "licence", "weights_licence", "source",
)  # fmt: skip


@dataclass(frozen=True)
class Packed:
    """A result and the files beside it.

    Attributes:
        files: Contents by name, relative to the folder of the result.
    """

    result: Result
    files: Mapping[str, bytes] = field(default_factory=dict)


def stem_of(dataset: str, condition: str, kind: str) -> str:
    """What the files of a result are called: `demo`, `demo+noise@10`, `demo.probe`.

    >>> stem_of("data/set.tsv", "noise@10", "reconstruction"), stem_of("demo", "", "probe")
    ('data_set.tsv+noise@10', 'demo.probe')
    """
    name = slug(dataset) + (f"+{slug(condition)}" if condition else "")
    return name if kind == "reconstruction" else f"{name}.{kind}"


def pack(run: Run, samples: int = SAMPLES) -> Iterator[Packed]:
    """The results of a run, one per system and condition; what only serves to compare with is left out.

    Args:
        run: A finished run of any kind.
        samples: Of how many utterances audio is published, where the run kept it.

    Raises:
        UsageError: The run has nothing that can be published.
    """
    found = 0
    for label, system in run.systems.items():
        if system.get("group") == "reference" and label.partition("+")[0] != GROUND_TRUTH:
            continue  # words, log-mel frames, random tokens
        packed = _pack(run, label, samples)
        if packed is not None:
            found += 1
            yield packed
    if not found:
        raise UsageError(f"{run.path} has no value that could be published")


def _pack(run: Run, label: str, samples: int) -> Packed | None:
    info, system = run.info, run.systems[label]
    metrics = list(_metrics(run, label))
    if all(m["value"] is None for m in metrics):
        return None
    clean = run.systems.get(system.get("system") or label, system)
    condition = _condition(run, system)
    stem = stem_of(info["plan"]["dataset"]["name"], condition["label"] if condition else "", run.kind)
    files: dict[str, bytes] = {}
    scores = scores_file(run, label)
    if scores is not None:
        files[f"{stem}.scores.json.gz"] = scores
    heard = list(_samples(run, label, stem, samples, files))
    plan, provenance = info["plan"], info["provenance"]
    git = provenance.get("git") or {}
    plain: dict[str, Any] = {
        "codec_bench_result": 1,
        "kind": run.kind,
        "program": {
            "version": provenance["codec_bench"],
            "commit": git.get("commit"),
            "dirty": git.get("dirty"),
        },
        "system": _system(clean),
        "dataset": _dataset(plan["dataset"], info.get("config", {})),
        "condition": condition,
        "bitrate": _bitrate(run, label),
        "metrics": metrics,
        "interval_unit": (info.get("intervals") or {}).get("unit", ""),
        "resampler": provenance.get("resampler") or "",
        "seed": plan.get("seed", 0),
        "generated": bool(plan.get("generated")),
        "aligned": bool(plan.get("align")),
        "lag": _lag(info, label),
        "warnings": [text for text in info.get("warnings", []) if text.startswith(f"{label}:")],
        "machine": _machine(info, clean),
        "command": [_public_word(word) for word in discreet(list(provenance.get("command", [])))],
        "date": info["sessions"][-1].get("ended") or info["sessions"][-1]["started"],
        "scores": _file(f"{stem}.scores.json.gz", files) if scores is not None else None,
        "audio": [_file(name, files) for name in sorted(files) if name.startswith(f"{stem}.audio/")],
        "samples": heard,
    }
    plain = _public(plain)
    # As a reader will see it: whatever cannot be read again must not be written.
    return Packed(Result.model_validate_json(json.dumps(plain, allow_nan=False)), files)


def _file(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    return PublishedFile(name=name, sha256=digest(files[name]), bytes=len(files[name])).model_dump()


def _system(entry: Mapping[str, Any]) -> dict[str, Any]:
    known = entry.get("verification")
    label = entry["label"]
    return {
        **{name: entry.get(name) for name in _FACTS},
        "label": label,
        "codec": label.partition("@")[0],
        "weights": {PurePosixPath(name).name if _is_private(name) else name: sha
                    for name, sha in entry.get("weights", {}).items()},
        "commits": dict(entry.get("commits", {})),
        "books": list(entry.get("books", [])),
        "input_rate": entry.get("input_rate") or 0,
        "output_rate": entry.get("output_rate") or 0,
        "delay_samples": entry.get("delay_samples") or 0,
        "polarity": entry.get("polarity") or 1,
        "licence": entry.get("licence") or "",
        "weights_licence": entry.get("weights_licence") or "",
        "source": entry.get("source") or "",
        "is_plug_in": "identity" in entry,
        "known_answers": {"state": known["state"], "text": known["text"]} if known else None,
    }  # fmt: skip


def _dataset(entry: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("name", "utterances", "speakers", "manifest_sha256")
    part = ""
    if config.get("sample"):
        part = f"{config['sample']} utterances drawn by seed {config.get('seed', 0)}"
    elif config.get("limit"):
        part = f"the first {config['limit']} utterances"
    return {
        **{name: entry[name] for name in kept},
        **{name: entry.get(name) or "" for name in ("title", "licence", "source")},
        "synthetic": bool(entry.get("synthetic")),
        "part": part,
    }


def _condition(run: Run, system: Mapping[str, Any]) -> dict[str, Any] | None:
    label = system.get("condition")
    if not label:
        return None
    known = {c["label"]: c["fingerprint"] for c in run.info["plan"].get("conditions", [])}
    return {
        "label": label,
        "note": system.get("note") or "",
        "fingerprint": known[label],
        "reference": system.get("reference") or "clean",
    }


def _bitrate(run: Run, label: str) -> dict[str, Any]:
    rows = run.summary[run.summary["system"] == label]
    first = rows.iloc[0]
    kbps = None if pd.isna(first["bitrate_kbps"]) else float(first["bitrate_kbps"])
    source = "" if pd.isna(first["bitrate_source"]) else str(first["bitrate_source"])
    counted: dict[str, float] = {}
    if source == "counted" and run.file("reconstructions.csv").is_file():
        pairs = run.table("reconstructions.csv")
        mine = pairs[(pairs["system"] == label) & pairs["bits"].notna()]
        counted = {"bits": float(mine["bits"].sum()), "seconds": float(mine["coded_seconds"].sum())}
    return {"kbps": kbps, "source": source, **counted}


def _metrics(run: Run, label: str) -> Iterator[dict[str, Any]]:
    rows = run.summary[run.summary["system"] == label]
    statuses = _statuses(run, label)
    for row in rows.to_dict("records"):
        column = run.metrics[str(row["metric"])]
        expected = int(row["n_expected"])
        if expected < 1:
            continue
        n = int(row["n"])
        missing = statuses.get(column["label"], {})
        if sum(missing.values()) != expected - n:  # probes count trainings, and whole sets have no status
            missing = {"missing": expected - n} if expected > n else {}
        yield {
            "label": column["label"],
            "name": column["name"],
            "title": column["title"],
            "unit": column.get("unit") or "",
            "better": column.get("better") or "",
            "digits": column["digits"],
            "family": column.get("family") or "",
            "version": column.get("version", 1),
            "fingerprint": column["fingerprint"],
            "resampler": column.get("resampler") or "",
            "uses": dict(column.get("uses", {})),
            "packages": dict(column.get("packages", {})),
            "weights": dict(column.get("weights", {})),
            "pooling": column.get("pooling") or ("utterances" if run.kind == "reconstruction" else "set"),
            "value": _finite(row["value"]),
            "low": _finite(row["ci_low"]),
            "high": _finite(row["ci_high"]),
            "n": n,
            "expected": expected,
            "missing": missing,
        }


def _statuses(run: Run, label: str) -> dict[str, dict[str, int]]:
    if not run.file("scores.parquet").is_file():
        return {}
    frame = run.scores
    mine = frame[(frame["system"] == label) & (frame["status"] != "ok")]
    found: dict[str, dict[str, int]] = {}
    for (metric, status), count in Counter(zip(mine["metric"], mine["status"], strict=True)).items():
        found.setdefault(str(metric), {})[str(status)] = count
    return found


def _lag(info: Mapping[str, Any], label: str) -> dict[str, Any] | None:
    found = info.get("lags", {}).get(label)
    if found is None:
        return None
    return {"median_ms": float(found["median_ms"]), "known": found["known"], "utterances": found["utterances"]}


def _machine(info: Mapping[str, Any], system: Mapping[str, Any]) -> dict[str, Any]:
    provenance, devices = info["provenance"], info.get("devices") or {}
    label = system["label"]
    return {
        "python": provenance["python"],
        "platform": provenance.get("platform") or "",
        "cpu": provenance.get("cpu") or "",
        "cores": provenance.get("cores"),
        "device": str(devices.get(label) or devices.get(label.partition("@")[0]) or ""),
        "packages": dict(provenance.get("packages", {})),
    }


def _samples(run: Run, label: str, stem: str, samples: int, files: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    """Puts audio of the first utterances that have some into `files`."""
    if not samples or not run.file("audio").is_dir():
        return
    taken = 0
    for utterance in run.utterances["id"]:
        path = run.kept("audio", label, utterance)
        if not path.is_file():
            continue
        suffix, content = _losslessly(path)
        name = f"{stem}.audio/{slug(utterance)}{suffix}"
        files[name] = content
        yield Sample(utterance=utterance, decoded=name).model_dump()
        taken += 1
        if taken == samples:
            return


def _losslessly(path: Path) -> tuple[str, bytes]:
    """Audio as FLAC of 24 bit, which no metric tells from the file that was kept; as it is where that would clip."""
    try:
        samples, rate = soundfile.read(path, dtype="float32")
        if not len(samples) or np.abs(samples).max() > 1:
            return ".wav", path.read_bytes()
        data = io.BytesIO()
        soundfile.write(data, samples, rate, format="FLAC", subtype="PCM_24")
    except (OSError, soundfile.SoundFileError) as error:
        raise UsageError(f"{path} cannot be read: {error}; repeat the run with --keep-audio") from error
    return ".flac", data.getvalue()


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float | np.number) and math.isfinite(value) else None


def _is_private(text: str) -> bool:
    return bool(private_part(text))


def _public_word(word: str) -> str:
    """A word of a command without the folders of a machine: only the last name of a path is left."""
    option, sign, value = word.partition("=") if word.startswith("--") else ("", "", word)
    path = PurePosixPath(value)
    if path.is_absolute() or value[:1] in ("~", ".") or (len(path.parts) > 1 and not value.startswith("hf:")):
        value = path.name or value
    return option + sign + value


def _public(value: Any) -> Any:
    """Plain data without paths and secrets: a text that held one has the last name of the path in its place."""
    if isinstance(value, str):
        text = discreet_text(value)
        while found := private_part(text):
            text = text.replace(found, PurePosixPath(found.rstrip("])}'\",;:")).name or "…")
        return text
    if isinstance(value, Mapping):
        return {_public(name): _public(part) for name, part in value.items()}
    if isinstance(value, Sequence):
        return [_public(part) for part in value]
    return value
