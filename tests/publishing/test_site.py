"""The leaderboard as its readers use it, in a real browser: filtered, sorted, linked to, compared, on a phone."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from codec_bench.csv_files import rows_of
from codec_bench.leaderboard.repository import make_repository
from codec_bench.leaderboard.site import write_site
from codec_bench.options import BANDS
from codec_bench.publishing.folder import place_of
from codec_bench.publishing.result import Result
from codec_bench.runs.directory import Run
from tests.command import Cli, run_command
from tests.publishing.conftest import Open, labels


@pytest.fixture(scope="module")
def site(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("leaderboard") / "site"
    write_site(published, out, bands=BANDS)
    return out


def test_the_table_has_the_numbers_of_the_run(opened: Open, kept_run: Run) -> None:
    page = opened()
    assert set(labels(page)) == {"ground-truth", "codec2@1200", "opus@6000"}  # clean, as nothing else was chosen
    row = kept_run.summary.set_index(["system", "metric"]).loc["opus@6000", "stoi"]
    head = [th.inner_text() for th in page.query_selector_all("#board thead th")]
    place = next(i for i, text in enumerate(head) if text.startswith("STOI"))
    cell = page.query_selector(f"#board tr[data-label='opus@6000'] > :nth-child({place + 1})").inner_text()
    assert cell.startswith(f"{row['value']:.3f} ±{(row['ci_high'] - row['ci_low']) / 2:.3f}")
    low, high = kept_run.summary.set_index(["system", "metric"]).loc["codec2@1200", "gpe"][["ci_low", "ci_high"]]
    assert f"[{low:.2f}, {high:.2f}]" in page.query_selector("#board tr[data-label='codec2@1200']").inner_text()


def test_filters_order_and_the_address(opened: Open, site: Path) -> None:
    page = opened()
    page.fill("#q", "opus")
    assert labels(page) == ["opus@6000"]
    page.fill("#q", "")
    page.select_option("label:has-text('Condition') select", "*")
    assert len(labels(page)) == 6
    page.click("#board th[data-key='kbps'] button")
    assert labels(page)[0] == "codec2@1200"
    page.click("#more-filters summary")
    page.fill("input[aria-label='kbit/s, at least']", "3")
    assert set(labels(page)) == {"opus@6000", "opus@6000+noise@10"}
    page.wait_for_url(lambda url: "kbps.min=3" in url)
    address = page.url
    again = opened(address.removeprefix(f"{site.as_uri()}/"))
    assert labels(again) == labels(page)
    assert again.query_selector("#board th[data-key='kbps']").get_attribute("aria-sort") == "ascending"
    again.fill("input[aria-label='kbit/s, at least']", "30")
    assert labels(again) == []


def test_many_rows_follow_when_the_first_screen_is_seen(published: Path, browser: Any, tmp_path: Path) -> None:
    """Of 91 systems fifty are shown, and the others on request; filters and order are over all of them."""
    results = Path(shutil.copytree(published, tmp_path / "results"))
    (file,) = (results / "opus").rglob("demo.json")
    for number in range(88):
        plain = json.loads(file.read_text())
        plain["system"] |= {"codec": "many", "label": f"many@{number}", "fingerprint": f"{number:064x}"}
        plain["system"]["is_plug_in"] = True
        plain |= {"audio": [], "samples": []}
        place = results / place_of(Result.model_validate(plain))
        place.parent.mkdir(parents=True)
        shutil.copy(file.with_name("demo.scores.json.gz"), place.parent)
        place.write_text(json.dumps(plain))
    assert not [p for p in write_site(results, tmp_path / "site", bands=BANDS, claims=False) if not p.is_warning]
    page = browser.new_page()
    page.goto((tmp_path / "site/index.html").as_uri())
    page.wait_for_selector("#board tr.row >> nth=49")
    assert len(labels(page)) == 50
    assert page.inner_text("#more") == "Show 41 more of 41"
    page.click("#more")
    page.wait_for_selector("#board tr.row >> nth=90")
    assert len(set(labels(page))) == 91
    assert "author's own" in (tmp_path / "site/codecs/many.html").read_text().replace("&#39;", "'")
    page.fill("#q", "many@87")
    assert labels(page) == ["many@87"]
    page.fill("#q", "")
    page.click("#board th[data-key='label'] button")
    assert labels(page)[:3] == ["codec2@1200", "ground-truth", "many@0"]
    page.close()


def test_two_systems_side_by_side(opened: Open, kept_run: Run) -> None:
    page = opened()
    names = {row.get_attribute("data-label"): row.get_attribute("data-id") for row in page.query_selector_all("tr.row")}
    page.select_option("#compare-controls label:has-text('First') select", names["codec2@1200"])
    page.select_option("#compare-controls label:has-text('Second') select", names["opus@6000"])
    values = kept_run.summary.set_index(["system", "metric"])["value"]
    difference = values["opus@6000", "stoi"] - values["codec2@1200", "stoi"]
    text = next(t.inner_text() for t in page.query_selector_all("#compared tbody tr") if "STOI" in t.inner_text())
    assert f"+{difference:.3f}" in text
    assert "opus@6000" in text


def test_claims_stand_on_the_first_day(browser: Any, tmp_path: Path) -> None:
    """An empty results folder still has what papers say."""
    (tmp_path / "results").mkdir()
    write_site(tmp_path / "results", tmp_path / "site", bands=BANDS)
    page = browser.new_page()
    page.goto((tmp_path / "site/index.html").as_uri())
    page.select_option("label:has-text('Recordings') select", label="libritts-test-b, as published")
    titles = page.locator("label:has-text('Recordings') option").all_text_contents()
    assert len(set(titles)) == len(titles)
    assert "LLM-Codec" in " ".join(labels(page))
    assert "1.82" in page.query_selector("#board tr[data-label='LLM-Codec']").inner_text()
    assert "not yet measured" in page.query_selector("#claims").inner_text()
    page.close()


def test_downloads_hold_the_view(opened: Open, site: Path, kept_run: Run) -> None:
    page = opened()
    with page.expect_download() as download:
        page.click("#csv")
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    values = kept_run.summary.set_index(["system", "metric"])["value"]
    found = {row["system"]: float(row["STOI"]) for row in rows}
    assert found["opus@6000"] == pytest.approx(values["opus@6000", "stoi"], rel=1e-5)
    with page.expect_download() as download:
        page.click("#latex")
    text = Path(download.value.path()).read_text()
    assert r"\begin{tabular}" in text
    assert "opus@6000" in text
    head, *lines = rows_of((site / "results.csv").read_bytes())
    assert len(lines) == len(kept_run.summary)
    assert {line[head.index("system")] for line in lines} == {"ground-truth", "codec2@1200", "opus@6000"}


def test_the_page_of_a_codec_plays_and_says_how_to_run_it(opened: Open, site: Path) -> None:
    page = opened("codecs/opus.html")
    assert "codec-bench run --codec opus@6000 --dataset demo" in page.query_selector("#run").inner_text()
    sources = [audio.get_attribute("src") for audio in page.query_selector_all("audio")]
    assert sources
    assert all((site / "codecs" / unquote(source)).is_file() for source in sources)
    length = page.evaluate(
        """async () => { const audio = document.querySelector("audio"); audio.preload = "auto"; audio.load();
        await new Promise((done, failed) => { audio.oncanplay = done; audio.onerror = () => failed("no sound"); });
        return audio.duration; }"""
    )
    assert length > 1
    page.click("a.brand")
    assert page.url.endswith("index.html")


def test_on_a_phone_nothing_is_wider_than_the_screen(opened: Open) -> None:
    for place in ("index.html", "codecs/opus.html"):
        page = opened(place, width=390, height=800)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_readers_who_cannot_see_or_point_are_served(
    opened: Open, faults: Callable[[Any], list[str]], scheme: str, width: int
) -> None:
    page = opened(width=width)
    page.emulate_media(color_scheme=scheme)
    page.click("#more-filters summary")
    first, second = (row.get_attribute("data-id") for row in page.query_selector_all("#board tr.row")[1:3])
    page.select_option("#compare-controls label:has-text('First') select", first)
    page.select_option("#compare-controls label:has-text('Second') select", second)
    page.locator("#plot").scroll_into_view_if_needed()
    page.wait_for_selector("#chart .main-svg")
    assert faults(page) == []
    page.evaluate("document.querySelector('#q').closest('label').replaceWith(document.querySelector('#q'))")
    page.evaluate("document.querySelector('#q').removeAttribute('placeholder')")
    assert len(faults(page)) == 1  # a field without a name is one
    page = opened("codecs/opus.html", width=width)
    page.emulate_media(color_scheme=scheme)
    assert faults(page) == []


def test_the_plot_shows_the_rows_of_the_table(opened: Open) -> None:
    page = opened()
    page.wait_for_selector("#chart .main-svg")
    names = page.evaluate("document.getElementById('chart').data.map((trace) => trace.name)")
    assert {"codec2", "opus"} <= set(names)
    assert "Not beaten at their bitrate or below" in page.query_selector("#pareto").inner_text()


def test_names_are_text_and_never_markup(published: Path, browser: Any, tmp_path: Path) -> None:
    """A result is somebody else's file."""
    results = Path(shutil.copytree(published, tmp_path / "results"))
    hostile = "<img src=x onerror=window.pwned=1></script><script>window.pwned=1</script>"
    for path in results.rglob("demo*.json"):
        plain = json.loads(path.read_text())
        plain["dataset"]["title"] = plain["system"]["title"] = plain["system"]["licence"] = hostile
        plain["metrics"][0]["title"] = hostile
        path.write_text(json.dumps(plain))
    write_site(results, tmp_path / "site", bands=BANDS)
    for place in ("index.html", "codecs/opus.html"):
        page = browser.new_page()
        page.goto((tmp_path / "site" / place).as_uri())
        assert page.evaluate("window.pwned") is None
        assert "<img src=x" in page.inner_text("main")
        page.close()


def test_the_same_results_give_the_same_bytes(published: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_site(published, tmp_path / name, bands=BANDS)
    for path in (tmp_path / "a").rglob("*"):
        assert path.is_dir() or path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_wrong_files_are_left_out_and_foreign_folders_are_left_alone(results: Path, cli: Cli, tmp_path: Path) -> None:
    next((results / "opus").rglob("demo.json")).write_text("{}")
    done = cli("leaderboard", results, "--out", tmp_path / "site")
    assert done.returncode == 1
    assert re.search(r"left out: opus/\w+/demo\.json: is no file of codec-bench", done.stderr)
    assert "opus@6000+noise@10" in (tmp_path / "site/index.html").read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    assert cli("leaderboard", results, "--out", tmp_path / "mine").returncode == 2
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_a_repository_for_a_leaderboard_works_as_its_workflows_say(published: Path, cli: Cli, tmp_path: Path) -> None:
    """The commands of the workflows, carried out on a repository that was just made."""
    folder = tmp_path / "repository"
    make_repository(folder)
    shutil.copytree(published, folder / "results", dirs_exist_ok=True)
    shutil.copytree(folder / "results", folder / "base/results")
    commands = []
    for file in sorted((folder / ".github/workflows").iterdir()):
        workflow = yaml.safe_load(file.read_text())
        for job in workflow["jobs"].values():
            runs = [step for step in job["steps"] if "run" in step]
            assert all(step["shell"] == "bash" for step in runs)
            commands += [step["run"] for step in runs if step["run"].startswith("codec-bench ")]
    assert len(commands) == 2
    for line in commands:
        done = run_command(folder, *line.split()[1:])
        assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "site/index.html").is_file()
    assert cli("leaderboard", "--init", folder).returncode == 2  # it holds something already
