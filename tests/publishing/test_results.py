"""A published result says what its run says, holds nothing private, and can be computed again by anyone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from codec_bench.errors import UsageError
from codec_bench.publishing.checking import check_folder
from codec_bench.publishing.claims import claims_of_papers, standings, write_claims
from codec_bench.publishing.folder import Written, read_folder, write
from codec_bench.publishing.hugging_face import write_model_card
from codec_bench.publishing.packing import pack
from codec_bench.publishing.recomputing import recompute
from codec_bench.publishing.result import Result, json_schema
from codec_bench.runs.directory import Run, load_run
from tests.command import Cli


def results_of(folder: Path) -> dict[str, Result]:
    return {e.result.label: e.result for e in read_folder(folder) if e.result is not None}


def test_results_hold_the_numbers_of_summary_csv(published: Path, kept_run: Run) -> None:
    """Read with a JSON reader alone, as a leaderboard of somebody else would."""
    summary = pd.read_csv(kept_run.path / "summary.csv").set_index(["system", "metric"])
    seen = 0
    for path in published.rglob("demo*.json"):
        plain = json.loads(path.read_text())
        label = "+".join(filter(None, [plain["system"]["label"], (plain["condition"] or {}).get("label")]))
        for metric in plain["metrics"]:
            row = summary.loc[label, metric["label"]]
            assert metric["value"] == pytest.approx(row["value"], rel=1e-12)
            assert (metric["n"], metric["expected"]) == (row["n"], row["n_expected"])
            seen += 1
        assert plain["bitrate"]["kbps"] == (None if label.startswith("ground") else pytest.approx(row["bitrate_kbps"]))
    assert seen == len(summary)


def test_a_result_lies_where_the_layout_says(published: Path) -> None:
    """`results/<codec>/<digest>/<dataset>[+condition].json`, with scores and audio beside it."""
    places = {p.relative_to(published).as_posix() for p in published.rglob("*.json")}
    assert {(p.split("/")[0], p.split("/")[2]) for p in places} == {
        (codec, f"demo{condition}.json")
        for codec in ("ground-truth", "codec2", "opus")
        for condition in ("", "+noise@10")
    }
    folder = next(published.glob("opus/*"))
    assert (folder / "demo.scores.json.gz").is_file()
    assert len(list((folder / "demo.audio").iterdir())) == 3


def test_nothing_is_wrong_with_what_publish_writes(published: Path) -> None:
    entries, problems = check_folder(published)
    assert [p.line for p in problems if not p.is_warning] == []
    assert len(entries) == 6


def test_files_fit_the_published_schema(published: Path) -> None:
    """With a validator that nobody here wrote."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    for path in published.rglob("demo*.json"):
        validator.validate(json.loads(path.read_text()))
    wrong = json.loads(path.read_text()) | {"date": 3}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)


def test_the_same_run_changes_nothing_and_another_needs_replace(kept_run: Run, results: Path) -> None:
    before = {p: p.read_bytes() for p in results.rglob("*") if p.is_file()}
    packed = list(pack(kept_run))
    assert {write(one, results) for one in packed} == {Written.SAME}
    assert {p: p.read_bytes() for p in results.rglob("*") if p.is_file()} == before
    other = packed[1].result.model_copy(update={"metrics": packed[1].result.metrics[:2]})
    with pytest.raises(UsageError, match=r"has si_sdr|has gpe|has stoi.*--replace"):
        write(type(packed[1])(other, packed[1].files), results)
    assert write(type(packed[1])(other, packed[1].files), results, replace=True) is Written.REPLACED


def test_nobodys_folders_are_published(kept_run: Run, tmp_path: Path) -> None:
    """Command, weights and warnings of a run may name folders of the machine that made it."""
    copy = Path(shutil.copytree(kept_run.path, tmp_path / "run"))
    info = json.loads((copy / "run.json").read_text())
    info["provenance"]["command"] = [
        "/home/me/.venv/bin/codec-bench", "run", "--out=/scratch/me/r", "--data-root", "~/corpora/x", "--codec", "a@1",
        "--dataset", "hf:org/name",
    ]  # fmt: skip
    info["warnings"] = ["opus@6000: /home/me/model.pt is old", "token: hf_abcdefghijklmnopqrstuvwxyz"]
    for system in info["plan"]["systems"]:
        system["weights"] = {"/home/me/ckpt/model.pt": "0" * 64}
    (copy / "run.json").write_text(json.dumps(info))
    texts = " ".join(one.result.model_dump_json() for one in pack(load_run(copy)))
    for private in ("/home/me", "/scratch", "~/corpora", "hf_abc"):
        assert private not in texts
    assert '"--out=r"' in texts
    assert '"hf:org/name"' in texts
    assert '"model.pt"' in texts


def test_published_audio_gives_the_published_scores(results: Path) -> None:
    entries, _ = check_folder(results)
    done = recompute(results, entries, 2)
    assert done.scores == 2 * 5 * 3  # utterances, two codecs clean and noisy and the noise alone, metrics
    assert done.problems == []
    # Audio of another utterance in its place, with its own digest, so that nothing else tells.
    place, result = next((e.path, e.result) for e in entries if e.result and e.result.label == "opus@6000")
    first, second = (results / place.parent / sample.decoded for sample in result.samples[:2])
    first.write_bytes(second.read_bytes())
    wrong = recompute(results, entries, 1).problems
    assert any(p.text.startswith("stoi of ") for p in wrong)


def test_all_rows_of_the_papers_are_claims_and_stand_beside_what_was_measured(published: Path, tmp_path: Path) -> None:
    claims = claims_of_papers()
    llm = next(c for c in claims if c.table == "longcat:table5" and c.row == "LLM-Codec")
    assert {v.title: v.value for v in llm.values}["PESQ"] == 1.82  # as the paper prints it
    assert len(claims) >= 235
    write_claims(claims, tmp_path / "claims")
    entries, problems = check_folder(tmp_path / "claims")
    assert problems == []
    read = [claim for entry in entries for claim in entry.claims]
    assert sorted(read, key=repr) == sorted(claims, key=repr)
    # A result of the same system on the same data set, with the value that a run of ../shared's files gives.
    result = results_of(published)["opus@6000"]
    data = result.dataset.model_copy(update={"name": "libritts-test-b", "part": ""})
    metric = result.metrics[0].model_copy(update={"label": "pesq_wb", "name": "pesq_wb", "value": 1.806})
    system = result.system.model_copy(update={"label": "llm-codec", "codec": "llm-codec"})
    measured = result.model_copy(update={"dataset": data, "system": system, "metrics": [metric]})
    found = [s for s in standings([llm], [measured]) if s.value.metric == "pesq_wb"]
    assert [s.text for s in found] == ["measured: 1.806, within tolerance"]
    absent = [s for s in standings([llm], []) if s.value.metric == "pesq_wb"]
    assert [s.text for s in absent] == [llm.why or "not yet measured"]


def test_a_model_card_is_read_back_by_hugging_faces_own_reader(kept_run: Run, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    mine = [one.result for one in pack(kept_run) if one.result.system.codec == "opus"]
    card = tmp_path / "README.md"
    assert write_model_card(mine, card) == 6
    found = ModelCard.load(card).data.eval_results or []
    assert {(r.dataset_config, r.metric_type): r.metric_value for r in found} == {
        (r.label, m.name): m.value for r in mine for m in r.metrics
    }
    with pytest.raises(UsageError, match="--replace"):
        write_model_card(mine, card)
    card.write_text("---\nlicense: mit\n---\n# Mine\n\nText that stays.\n")
    write_model_card(mine[:1], card, replace=True)
    text = card.read_text()
    assert text.startswith("---\nlicense: mit\n")
    assert "Text that stays." in text
    with pytest.raises(UsageError, match="codec2, opus"):
        write_model_card([one.result for one in pack(kept_run)], card, replace=True)


def test_publish_and_check_as_commands(kept_run: Run, cli: Cli, tmp_path: Path) -> None:
    done = cli("publish", kept_run.path, "--to", tmp_path / "results", "--claims")
    assert done.returncode == 0, done.stderr
    assert "new: opus/" in done.stdout
    checked = cli("publish", "--check", tmp_path / "results")
    assert (checked.returncode, checked.stdout.splitlines()[-1].partition(": ")[2]) == (
        0, f"6 results and {len(claims_of_papers())} claims in 184 files: nothing wrong",
    )  # fmt: skip
    victim = next((tmp_path / "results/opus").rglob("demo.json"))
    victim.write_text(victim.read_text().replace('"value": 0.', '"value": 0.1', 1))
    refused = cli("publish", "--check", tmp_path / "results")
    assert refused.returncode == 1
    assert "and its scores give" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr
    for words in (["publish"], ["publish", str(kept_run.path)], ["publish", "--check", "x", "--to", "y"]):
        assert cli(*words).returncode == 2
