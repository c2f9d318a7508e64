"""Each kind of wrong submission is refused with one line that says what is wrong."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codec_bench.files import digest
from codec_bench.publishing.checking import check_folder

Plain = dict[str, Any]
Edit = Callable[[Plain], object]


def place(results: Path, codec: str = "opus", name: str = "demo.json") -> Path:
    return next((results / codec).rglob(name))


def edited(results: Path, edit: Edit, codec: str = "opus", name: str = "demo.json") -> Path:
    path = place(results, codec, name)
    plain = json.loads(path.read_text())
    edit(plain)
    path.write_text(json.dumps(plain))
    return path


def edit_scores(results: Path, edit: Edit) -> None:
    """Changes the scores of the utterances, and the digest that the result has of them."""
    path = place(results, name="demo.scores.json.gz")
    plain = json.loads(gzip.decompress(path.read_bytes()))
    edit(plain)
    path.write_bytes(gzip.compress(json.dumps(plain).encode()))
    edited(results, lambda r: r["scores"].update(sha256=digest(path.read_bytes())))


def problems_of(results: Path, base: Path | None = None) -> list[str]:
    return [p.text for p in check_folder(results, base)[1] if not p.is_warning]


def metric(plain: Plain, label: str = "stoi") -> Plain:
    found: Plain = next(m for m in plain["metrics"] if m["label"] == label)
    return found


BOOKS = [{"size": 1024, "tokens_per_second": 50.0, "bits": 10.0}]
EDITS: dict[str, tuple[Edit, str]] = {
    "a field is missing": (lambda r: r.pop("dataset"), "lacks dataset"),
    "an unknown field": (lambda r: r.update(score=1), "has score, which no result has"),
    "a text for a number": (lambda r: metric(r).update(value="0.9"), "valid number"),
    "a newer schema": (lambda r: r.update(codec_bench_result=9), "newer codec-bench"),
    "no schema": (lambda r: r.pop("codec_bench_result"), "does not say codec_bench_result"),
    "the same metric twice": (lambda r: r["metrics"].append(metric(r)), "stoi is there twice"),
    "no metric": (lambda r: r.update(metrics=[]), "metrics"),
    "a value out of range": (lambda r: metric(r).update(value=1.7, low=1.6, high=1.8), "cannot be 1.7"),
    "a value other than its scores": (lambda r: metric(r).update(value=0.95, low=0.9, high=0.99), "its scores give"),
    "a value outside of its interval": (lambda r: metric(r).update(low=0.99, high=0.999), "outside of its interval"),
    "an interval that was made narrower": (lambda r: metric(r).update(low=metric(r)["value"]), "its interval is"),
    "utterances without a reason": (lambda r: metric(r).update(n=3), "have no value, and it says why of 0"),
    "too few utterances": (lambda r: metric(r).update(n=1, missing={"crashed": 3}), "95% are needed"),
    "more than there are": (lambda r: metric(r).update(n=5), "n is 5 of 4"),
    "others expected": (lambda r: r["dataset"].update(utterances=500), "its data set has 500"),
    "the wrong direction": (lambda r: metric(r).update(better="lower"), "lower better"),
    "another unit": (lambda r: metric(r, "si_sdr").update(unit="%"), "is in %"),
    "a metric version that is yet to come": (lambda r: metric(r).update(version=99), "is of version 99"),
    "a bitrate by hand": (lambda r: r["bitrate"].update(kbps=0.5), "and its bits over its seconds give"),
    "a bitrate from nowhere": (lambda r: r["bitrate"].update(source=""), "does not say where it comes from"),
    "counted, without bits": (lambda r: r["bitrate"].pop("bits"), "how many bits"),
    "a computed bitrate that the codebooks do not give": (
        lambda r: (r["bitrate"].update(source="computed", kbps=0.4), r["system"].update(books=BOOKS)),
        "its codebooks give 0.5",
    ),
    "tokens that cannot hold a codebook": (
        lambda r: (
            r["bitrate"].update(source="computed", kbps=0.4),
            r["system"].update(books=[{**BOOKS[0], "bits": 8.0}]),
        ),
        "takes 10.000 bits a token",
    ),
    "another system": (lambda r: r["system"].update(label="opus@9000"), "belongs at opus/"),
    "another condition": (lambda r: r.update(condition=None), ""),
    "other weights": (lambda r: r["system"].update(weights={"model.pt": "0" * 64}), "belongs at opus/"),
    "a failed known answer": (
        lambda r: r["system"].update(known_answers={"state": "failed", "text": "3 of 6 samples differ"}),
        "fails a known answer",
    ),
    "a path": (lambda r: r["command"].append("/home/me/runs/x"), "holds '/home/me/runs/x'"),
    "a password": (lambda r: r["system"].update(source="https://me:pw@example.org/x"), "password"),
    "a date to come": (lambda r: r.update(date="2190-01-01T00:00:00+00:00"), "yet to come"),
    "a date without zone": (lambda r: r.update(date="2026-01-01T00:00:00"), "no time zone"),
    "misaligned audio": (lambda r: r["lag"].update(median_ms=25.0, known=4, utterances=4), "+25.0 ms off"),
    "no scores": (lambda r: r.update(scores=None), "nobody can compute its values again"),
    "scores elsewhere": (lambda r: r["scores"].update(name="../../x.gz"), "scores.name"),
    "a sample that is no file": (lambda r: r["samples"][0].update(decoded="x.flac"), "which is none of its files"),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_a_wrong_result_is_refused_with_one_line(results: Path, kind: str) -> None:
    edit, told = EDITS[kind]
    name = "demo+noise@10.json" if kind == "another condition" else "demo.json"
    path = edited(results, edit, name=name)
    found = [p for p in check_folder(results)[1] if not p.is_warning]
    about = [p.text for p in found if results / p.place == path]
    assert about, [p.line for p in found]
    assert any(told in text for text in about), about
    assert all("\n" not in p.line for p in found)
    assert all(path.parent == (results / p.place).parent for p in found)  # nothing else is blamed


def test_files_that_are_no_results(results: Path) -> None:
    path = place(results)
    good = path.read_text()
    for text, told in (
        ("", "is not JSON"),
        ("[1]", "is no file of codec-bench"),
        (good.replace('"seed": 0', '"seed": NaN'), "NaN is not a number"),
        (good.replace('"seed": 0', '"seed": 0, "seed": 0'), "has the key 'seed' twice"),
        ('{"codec_bench_result": 1, "x": "' + "x" * 10_000_000 + '"}', "more than 10000000"),
        ("[" * 100_000, "nested too deeply"),
    ):
        path.write_text(text)
        assert any(told in text for text in problems_of(results)), told
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert any("is a link out of the folder" in text for text in problems_of(results))


def test_files_beside_a_result(results: Path) -> None:
    scores = place(results, name="demo.scores.json.gz")
    kept = scores.read_bytes()
    scores.write_bytes(kept[:-20])
    found = problems_of(results)
    assert any("is another one than it says" in text for text in found)
    assert any("is damaged" in text for text in found)
    scores.unlink()
    assert any("demo.scores.json.gz is not there" in text for text in problems_of(results))
    scores.write_bytes(kept)
    (results / "opus/model.bin").write_bytes(b"x")
    assert any("belongs to no result" in text for text in problems_of(results))
    (results / "README.md").write_text("# Results\n")
    assert len(problems_of(results)) == 1


def test_scores_that_were_made_up(results: Path) -> None:
    def copied(plain: Plain) -> None:
        rows = list(zip(plain["utterance"], plain["metric"], plain["numerator"], strict=True))
        stoi, other = plain["metrics"].index("stoi"), plain["metrics"].index("si_sdr")
        values = {u: v for u, m, v in rows if m == stoi}
        plain["numerator"] = [values[u] if m == other else v for u, m, v in rows]

    edit_scores(results, copied)
    found = problems_of(results)
    assert any("si_sdr and stoi have the same value for every utterance" in text for text in found)
    edit_scores(results, lambda plain: plain["statuses"].append("fine"))
    assert any("'fine' is not a status" in text for text in problems_of(results))


def test_what_only_shows_between_results(results: Path) -> None:
    folder = place(results).parent
    shutil.copytree(folder, folder.with_name("0" * 12))
    assert any("is the same system, recordings and condition as" in text for text in problems_of(results))
    shutil.rmtree(folder.with_name("0" * 12))
    shutil.rmtree(results / "ground-truth")
    assert any("have no row of their own" in text for text in problems_of(results))


def test_what_was_published_stays(results: Path, published: Path) -> None:
    assert problems_of(results, published) == []
    edited(results, lambda r: r["metrics"].remove(metric(r, "si_sdr")))
    found = problems_of(results, published)
    assert found == ["si_sdr was there before and is gone"]
    edited(results, lambda r: metric(r).update(value=metric(r)["value"] - 0.01))
    assert any("of the same weights and definition" in text for text in problems_of(results, published))
    place(results).unlink()
    assert any("was there before and is gone" in text for text in problems_of(results, published))
