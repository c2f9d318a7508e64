"""Tables and plot of the HTML report in a real browser, against the run's own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run, load_run
from codec_bench.runs.frames import write_summary
from codec_bench.runs.writer import Request, new_info, write_info

from .conftest import PHONE, report

ROWS = """
() => [...document.querySelectorAll('.results tr.row')].filter((row) => row.checkVisibility())
  .map((row) => [row.dataset.label, row.closest('tbody').dataset.section ?? 'flat'])
"""


def shown(page: Any) -> list[str]:
    return [label for label, _ in page.evaluate(ROWS)]


def header(page: Any, label: str) -> Any:
    return page.locator(f"th[data-label='{label}']")


@pytest.mark.parametrize("metric", ["wer[pocketsphinx]", "pesq_wb", "si_sdr"])
def test_sorting_by_click_and_by_keyboard(visit, old: Run, old_report: Path, metric: str):
    page = visit(old_report, fresh=False).page
    page.locator(".block-toggle").evaluate_all("boxes => boxes.forEach((box) => box.checked || box.click())")
    page.locator(".grouped").uncheck()
    values = old.summary[old.summary.metric == metric].set_index("system").value
    falling = old.metrics[metric]["better"] == "higher"  # the best on top

    def in_order() -> list[float]:
        return [values[label] for label in shown(page)]

    header(page, metric).locator("button").click()
    assert in_order() == sorted(values, reverse=falling)
    assert header(page, metric).get_attribute("aria-sort") == ("descending" if falling else "ascending")
    header(page, metric).locator("button").focus()
    page.keyboard.press("Enter")
    assert in_order() == sorted(values, reverse=not falling)
    assert page.locator("th[aria-sort=ascending], th[aria-sort=descending]").count() == 1


def test_sorting_keeps_groups(visit, old: Run, old_report: Path):
    page = visit(old_report, fresh=False).page
    before = page.evaluate(ROWS)
    header(page, "stoi").locator("button").click()
    after = page.evaluate(ROWS)
    assert sorted(before) == sorted(after)
    assert [section for _, section in after] == sorted(section for _, section in before)
    stoi = old.summary[old.summary.metric == "stoi"].set_index("system").value
    for section in {s for _, s in after}:
        values = [stoi[label] for label, s in after if s == section]
        assert values == sorted(values, reverse=True)


def test_cells_print_the_summary_with_interval_and_n(visit, old: Run, old_report: Path):
    page = visit(old_report, fresh=False).page
    page.locator(".full-toggle").check()
    labels = page.locator("th[data-label]").evaluate_all("cells => cells.map((cell) => cell.dataset.label)")
    cells = page.locator(".results tr.row").evaluate_all(
        "rows => rows.map((row) => [row.dataset.label, ...[...row.querySelectorAll('td:has(.v)')].map((td) => "
        "[td.querySelector('.v').textContent, td.querySelector('.full').innerText, td.title])])"
    )
    summary = old.summary.set_index(["system", "metric"])
    assert len(cells) == len(old.systems)
    for system, *row in cells:
        assert len(row) == len(labels) == len(old.metrics)
        for label, (value, full, title) in zip(labels, row, strict=True):
            expected, d = summary.loc[system, label], old.metrics[label]["digits"]
            is_exact = label == "si_sdr" and expected.value > 90  # rounding alone is left
            assert value == ("exact" if is_exact else f"{expected.value:.{d}f}")
            interval = f"{expected.ci_low:.{d}f} to {expected.ci_high:.{d}f}, "
            assert full == title == f"{interval}n {expected.n} of {expected.n_expected}"


def test_the_best_is_marked(visit, heard: Run, heard_report: Path):
    page = visit(heard_report, fresh=False).page
    stoi = heard.summary[heard.summary.metric == "stoi"].set_index("system").value
    assert stoi["opus@12000"] > stoi["codec2@1200"]
    marks = page.locator("td.best").evaluate_all("cells => cells.map((c) => c.closest('tr').dataset.label)")
    # Codec 2 at 1.2 kbit/s and Opus at 12 are in groups of their own, and one alone is not the best of its group.
    assert marks == []


def test_filter_groups_and_blocks(visit, old: Run, old_report: Path):
    page = visit(old_report, fresh=False).page
    everything = shown(page)
    assert set(everything) == set(old.systems)
    page.locator(".filter").fill("OPUS codec2")
    assert set(shown(page)) == {s for s in old.systems if "opus" in s or "codec2" in s}
    assert page.locator(".count").inner_text() == f"4 of {len(everything)} systems"
    page.locator(".filter").fill("")
    first = page.locator(".group-toggle").first
    gone = [label for label, section in page.evaluate(ROWS) if section == "0"]
    first.uncheck()
    assert shown(page) == [label for label in everything if label not in gone]
    assert gone
    first.check()
    assert shown(page) == everything
    blocks = page.locator(".block-toggle")
    visible = page.locator("th[data-label]:visible").count()
    blocks.first.uncheck()
    hidden = page.locator("th[data-label][data-block='0']")
    assert hidden.count() > 0
    assert page.locator("th[data-label]:visible").count() == visible - hidden.count()
    assert page.locator("td[data-block='0']:visible").count() == 0


def points(page: Any) -> list[list[Any]]:
    """Label, horizontal and vertical value of every marker."""
    return page.evaluate(
        "() => document.getElementById('chart').data.filter((t) => t.mode.includes('markers'))"
        ".flatMap((t) => t.x.map((x, i) => [t.customdata[i], x, t.y[i]]))"
    )


def hover_text(page: Any, label: str) -> str:
    """What Plotly shows when the mouse is near a system, on the side away from its nearest neighbour."""
    x, y = page.evaluate(
        """(label) => {
          const chart = document.getElementById('chart'), { xaxis, yaxis } = chart._fullLayout;
          const points = chart.data.filter((t) => t.mode.includes('markers'))
            .flatMap((t) => t.x.map((x, i) => [t.customdata[i], xaxis.d2p(x), yaxis.d2p(t.y[i])]));
          const [, x, y] = points.find((p) => p[0] === label), away = ([, a, b]) => Math.hypot(a - x, b - y);
          const others = points.filter((p) => p[0] !== label).sort((a, b) => away(a) - away(b));
          const box = chart.getBoundingClientRect(), step = others[0][2] > y ? -5 : 5;
          return [box.x + xaxis._offset + x, box.y + yaxis._offset + y + step];
        }""",
        label,
    )
    page.mouse.move(x - 60, y - 60)
    page.mouse.move(x, y, steps=3)
    page.wait_for_function("l => document.querySelector('#chart .hoverlayer')?.textContent.includes(l)", arg=label)
    return "\n".join(page.locator("#chart .hoverlayer .hovertext .nums tspan.line").all_text_contents())


def test_plot_has_every_point_and_hover_shows_values(visit, old: Run, old_report: Path):
    page = visit(old_report, fresh=False).page
    page.locator("#chart").scroll_into_view_if_needed()
    select = page.get_by_label("Vertical")
    select.select_option(label=next(o for o in select.locator("option").all_inner_texts() if o.startswith("PESQ")))
    pesq = old.summary[old.summary.metric == "pesq_wb"].set_index("system")
    coded = pesq[pesq.bitrate_kbps.notna()]
    found = {label: (x, y) for label, x, y in points(page)}
    assert len(points(page)) == len(found) == len(coded) == 4
    for label, (x, y) in found.items():
        assert (x, y) == pytest.approx((coded.loc[label].bitrate_kbps, coded.loc[label].value), rel=1e-5)
    row = coded.loc["codec2@1200"]
    text = hover_text(page, "codec2@1200")
    assert "codec2@1200" in text
    assert "1.20 kbit/s" in text
    assert f"{row.value:.3f} ({row.ci_low:.3f} to {row.ci_high:.3f}), n 6 of 6" in text
    page.get_by_label("Horizontal").select_option(index=4)
    # Against another metric the recordings are points too.
    assert len(points(page)) == len(old.systems)


def test_colours_are_those_of_the_static_plots(visit, old: Run, old_report: Path):
    from codec_bench.reports.plots.material import gather

    looks = {entry.row.label: entry.look for material in gather([old]) for entry in material.entries}
    page = visit(old_report, fresh=False).page
    drawn = page.evaluate(
        "() => document.getElementById('chart').data.flatMap((t) => t.customdata.map((l) => [l, t.line.color]))"
    )
    assert {label for label, _ in drawn} == set(looks)
    for label, colour in drawn:
        assert colour == looks[label].colour


def test_other_kinds_have_tables_and_no_utterances(visit, old: Run, tmp_path: Path):
    columns = [
        ColumnSpec("rtf[encode]", "RTF", "Speed", "lower", note="real-time factor").describe(),
        ColumnSpec("memory", "Memory", "Memory", "lower", "MB", digits=0).describe(),
    ]
    plan = dict(old.info["plan"]) | {"metrics": columns, "conditions": []}
    plan["systems"] = [s for s in plan["systems"] if s["label"] in ("opus@6000", "codec2@1200")]
    info = new_info(Request("speed", {}, plan, b"", lambda _: "", (), ["one core"])) | {
        "status": "finished",
        "coverage": {"statuses": {}, "failures": []},
    }
    info["intervals"] = old.info["intervals"]
    summary = old.summary[
        old.summary.system.isin(["opus@6000", "codec2@1200"]) & old.summary.metric.isin(["stoi", "gpe"])
    ]
    summary = summary.assign(metric=summary.metric.map({"stoi": "rtf[encode]", "gpe": "memory"}))
    write_summary(tmp_path / "run", summary)
    write_info(tmp_path / "run", info)
    speed = load_run(tmp_path / "run")
    alone = visit(report([speed], tmp_path / "alone")).page
    assert alone.locator(".results tr.row").count() == 2
    assert alone.locator("#utterances").count() == 0
    assert "one core" in alone.locator("#overview").text_content()
    both = visit(report([old, speed], tmp_path / "both")).page
    assert both.locator("article.results h2").all_inner_texts() == ["Reconstruction: demo", "Speed: demo"]
    both.get_by_label("Table", exact=True).select_option(label="Speed: demo")
    assert len(points(both)) == 2
    assert both.locator("#list tbody tr").count() == 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_themes(visit, old_report: Path, scheme: str):
    page = visit(old_report, color_scheme=scheme, reduced_motion="reduce").page
    page.locator("#list .link").nth(1).click()
    page.keyboard.press("Escape")
    page.locator("#list .link").nth(1).click()
    contrast = page.evaluate(
        """() => {
          const light = (text) => {
            const [r, g, b] = text.match(/[\\d.]+/g).map((v) => v / 255)
              .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const behind = (e) => {
            const colour = getComputedStyle(e).backgroundColor;
            return colour === 'rgba(0, 0, 0, 0)' ? behind(e.parentElement) : colour;
          };
          const selectors = ['main h1', 'p.muted', '.note.warn', '.ci', '.section th', '.badge', '.link', '.row td',
                             '#detail h2', '#detail .muted', '#detail del', '#detail ins', '.action', '#theme'];
          return selectors.map((s) => {
            const e = document.querySelector(s), one = light(getComputedStyle(e).color), two = light(behind(e));
            return [s, (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)];
          });
        }"""
    )
    assert {name: round(ratio, 2) for name, ratio in contrast if ratio < 4.5} == {}
    page.keyboard.press("Escape")
    background = "() => getComputedStyle(document.body).backgroundColor"
    first = page.evaluate(background)
    channels = np.array([float(v) for v in first[4:-1].split(",")])
    assert (channels < 60).all() if scheme == "dark" else (channels > 200).all()
    # The button: automatic, light, dark.
    seen = []
    for _ in range(3):
        page.locator("#theme").click()
        seen.append(page.evaluate(background))
    assert seen[0] != seen[1]
    assert seen[2] == first


@pytest.mark.as_user
def test_no_page_wide_scrolling_on_a_phone(visit, old_report: Path, heard_report: Path):
    for path in (old_report, heard_report):
        page = visit(path, viewport=PHONE, is_mobile=True, has_touch=True).page
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
        page.locator("#list .link").first.tap()
        page.wait_for_selector("#detail[open]")
        assert page.evaluate("() => document.querySelector('.detail-body').scrollWidth") <= PHONE["width"]
        assert page.locator("#detail .close").bounding_box()["x"] < PHONE["width"]


@pytest.mark.as_user
@pytest.mark.parametrize("size", [(1280, 720), (390, 800)])
def test_the_first_screen_has_the_menu_and_the_table(visit, old_report: Path, heard_report: Path, size):
    """What was measured and what to mind folds; a failure would not."""
    width, height = size
    for path in (old_report, heard_report):
        page = visit(path, viewport={"width": width, "height": height}).page
        assert page.locator(".results tr.row").first.bounding_box()["y"] < 0.8 * height
        assert page.locator("#overview .facts, #overview .note").first.is_hidden()
        boxes = [link.bounding_box() for link in page.locator("nav a, #theme").all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] < 70 for box in boxes)
        page.locator("#overview summary").click()
        assert page.locator("#overview .facts").is_visible()


@pytest.mark.as_user
def test_the_bitrate_axis_is_marked_at_round_numbers(visit, old_report: Path, heard_report: Path):
    for path in (old_report, heard_report):
        page = visit(path, fresh=False).page
        texts = page.locator("#chart .xtick text").all_text_contents()
        data = json.loads(page.locator("#report-data").text_content())
        rates = [row["bitrate"] for row in data["tables"][0]["rows"] if row["bitrate"]]
        assert len(texts) >= 4
        assert all(0.9 * min(rates) <= float(text) <= 1.1 * max(rates) for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "files"), [(500, ["report.html"]), (2600, ["report.html", "report_data.js"])])
def test_a_large_run_stays_workable(visit, old: Run, tmp_path: Path, count: int, files: list[str]):
    """10 systems, 20 metrics: the page is mostly Plotly, lists grow on demand, 520,000 scores lie beside it."""
    folder = tmp_path / "run"
    generator = np.random.default_rng(0)
    systems = [
        dict(old.info["plan"]["systems"][2]) | {"label": f"s{i}", "system": f"s{i}", "condition": None}
        for i in range(10)
    ]
    metrics = [
        dict(old.info["plan"]["metrics"][3]) | {"label": f"m{i}", "name": f"m{i}", "title": f"M{i}"} for i in range(19)
    ]
    metrics = [old.info["plan"]["metrics"][0], *metrics]
    names = [f"u{i:04d}" for i in range(count)]
    words = [
        "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven", "wizards", "brew", "odd",
        "potions",
    ]  # fmt: skip
    texts = [" ".join(generator.choice(words, 18)) for _ in names]
    pd.DataFrame({"id": names, "speaker": "s", "language": "en", "sha256": "", "text": texts}).to_csv(
        tmp_path / "u.csv", index=False
    )
    info = dict(old.info) | {
        "schema": 2,
        "plan": dict(old.info["plan"]) | {"systems": systems, "metrics": metrics, "conditions": []},
    }
    rows = [(s["label"], u, "s", m["label"], v, "ok", "", v, 1.0, 0.1)
            for s in systems for u, vs in zip(names, generator.random((count, 20)), strict=True)
            for m, v in zip(metrics, vs, strict=True)]  # fmt: skip
    scores = pd.DataFrame(rows, columns=list(old.scores.columns))
    summary = pd.DataFrame(
        [(s["label"], "classic", 1.0 + i, 50.0, m["label"], 0.5, 0.4, 0.6, count, count, count, "", "computed")
         for i, s in enumerate(systems) for m in metrics], columns=list(old.summary.columns))  # fmt: skip
    write_summary(folder, summary)
    write_info(folder, info)
    scores.to_parquet(folder / "scores.parquet", index=False)
    (tmp_path / "u.csv").rename(folder / "utterances.csv")
    heard = [" ".join(w for w in t.split() if generator.random() > 0.1) for _ in systems for t in texts]
    pd.DataFrame(
        {"system": [s["label"] for s in systems for _ in names], "utterance": names * 10, "recogniser": "pocketsphinx",
         "text": texts * 10, "heard": heard, "text_compared": texts * 10, "heard_compared": heard}
    ).to_csv(folder / "hypotheses.csv", index=False)  # fmt: skip
    path = report([load_run(folder)], tmp_path)
    assert sorted(file.name for file in tmp_path.glob("report*")) == files
    assert path.stat().st_size < 9_000_000  # of which Plotly has 4.8 MB
    page = visit(path).page
    page.wait_for_selector("#list tbody tr")
    assert page.locator("#list tbody tr").count() == 100
    values = scores[(scores.system == "s3") & (scores.metric == "m0")].set_index("utterance").value
    page.locator("#list-controls").get_by_label("Metric").select_option(index=1)
    page.locator("#list thead button", has_text="s3").click()
    first = page.locator("#list tbody tr").first.get_attribute("data-id")
    assert values[first] == min(values)
    page.locator("#more").click()
    assert page.locator("#list tbody tr").count() == 200
    page.locator("#search").fill("u0123")
    assert page.locator("#list tbody tr").count() == 1
