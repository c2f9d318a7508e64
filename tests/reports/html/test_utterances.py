"""Utterances of the HTML report in a real browser: lists, texts, audio, and text that tries to be markup."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec_bench.reports.html import audio as embedded_audio
from codec_bench.reports.html import page as page_of_report
from codec_bench.reports.html import write_html
from codec_bench.reports.html.audio import keeping_command
from codec_bench.reports.html.differences import differences
from codec_bench.reports.html.explorer import explorer
from codec_bench.reports.table import build_tables
from codec_bench.runs.directory import Run, load_run

from .conftest import HOSTILE, report
from .test_tables import hover_text

POSITION = "() => [document.querySelector('.player input').valueAsNumber, performance.now() / 1000]"


def open_first(page: Any, number: int = 0) -> None:
    page.locator("#list .link").nth(number).click()
    page.wait_for_selector("#detail[open]")


def wait_for_player(page: Any) -> None:
    page.wait_for_selector("#detail .player")


def test_old_run_renders_and_says_how_to_keep_audio(visit, old: Run, old_report: Path):
    opened = visit(old_report)
    page = opened.page
    assert opened.requests == [old_report.resolve().as_uri()]
    assert "finished" in page.locator("#overview").inner_text()
    page.locator("#overview summary").click()
    assert "WER and CER use pocketsphinx" in page.locator("#overview .warn").inner_text()
    assert "codec2@1200" in page.locator("#provenance").inner_text()
    open_first(page)
    command = page.locator(".keep").inner_text()
    assert command == keeping_command(old)
    assert command == (
        "codec-bench run --codec opus@6000,codec2@1200 --dataset demo --limit 6 --metrics wer,gpe,pesq_wb,stoi,si_sdr "
        "--condition gain@-6 --out runs/schema_1 --keep-audio"
    )


def test_every_difference_counts_what_wer_counts(visit, old: Run, old_report: Path):
    page = visit(old_report, fresh=False).page
    wer = old.scores[old.scores.metric == "wer[pocketsphinx]"].set_index(["utterance", "system"]).numerator
    open_first(page)
    compared, with_errors = 0, 0
    while True:
        name = page.locator("#detail-title").evaluate("title => title.firstChild.textContent")
        for entry in page.locator("#detail dd[data-errors]").all():
            errors = int(entry.get_attribute("data-errors"))
            assert errors == wer[name, entry.get_attribute("data-system")]
            # The marks themselves, word by word, and not only the number beside them.
            marks = entry.locator(".diff").evaluate(
                """diff => {
                  const words = (e) => [...e.childNodes].filter((n) => n.nodeType === 3)
                    .flatMap((n) => n.textContent.split(' ')).filter(Boolean).length;
                  const sum = (selector) => [...diff.querySelectorAll(selector)].reduce((n, e) => n + words(e), 0);
                  return sum('.sub > del') + sum(':scope > del') + sum(':scope > ins');
                }"""
            )
            assert marks == errors
            compared += 1
            with_errors += errors > 0
        following = page.get_by_label("Next utterance")
        if following.is_disabled():
            break
        following.click()
    assert compared == len(wer) == 36
    assert with_errors > 5
    assert page.locator("#detail .note.warn").count() == 0


def test_differences_restore_both_texts(old: Run, old_report: Path, visit):
    page = visit(old_report, fresh=False).page
    open_first(page)
    texts = page.locator("#detail dd[data-system='codec2@1200'] .diff").evaluate(
        """diff => ['ins', 'del'].map((gone) => {
          const copy = diff.cloneNode(true);
          copy.querySelectorAll(`${gone}, .hidden`).forEach((e) => e.remove());
          return copy.textContent.split(/\\s+/).filter(Boolean).join(' ');
        })"""
    )
    import pandas as pd

    rows = pd.read_csv(old.path / "hypotheses.csv")
    row = rows[(rows.system == "codec2@1200") & (rows.utterance == "rms-01")].iloc[0]
    assert texts == [row.text_compared, row.heard_compared]
    assert row.text_compared != row.heard_compared


def test_difference_kinds():
    """Hand-made: one word replaced, one left out, one added; characters where there are no spaces."""
    (found,) = differences(["she had your dark suit"], ["she has dark suit now"])
    assert found.changes == [(0, 1, 2, 1, 2), (1, 2, 3, 2, 2), (2, 5, 5, 4, 5)]
    assert found.errors == 3
    (chinese,) = differences(["你好 吗"], ["你 吗啊"], characters=True)
    assert (chinese.reference, chinese.heard, chinese.errors) == (list("你好吗"), list("你吗啊"), 2)
    assert differences([""], ["so what"])[0].errors == 2


def test_texts_are_compared_by_characters_where_the_metrics_do_so(old: Run, tmp_path: Path):
    """By the script of the transcript, also where no language is stated."""
    import pandas as pd

    folder = Path(shutil.copytree(old.path, tmp_path / "run"))
    utterances, rows = (pd.read_csv(folder / f"{name}.csv") for name in ("utterances", "hypotheses"))
    utterances.assign(language="").to_csv(folder / "utterances.csv", index=False)
    chinese = rows.utterance == "rms-01"
    for column, text in (
        ("text", "你好吗"),
        ("text_compared", "你好吗"),
        ("heard", "你啊"),
        ("heard_compared", "你啊"),
    ):
        rows.loc[chinese, column] = text
    rows.to_csv(folder / "hypotheses.csv", index=False)
    (found,) = explorer(load_run(folder))["texts"]
    place = list(utterances.id).index("rms-01")
    assert found["characters"] == [place] and found["references"][place] == "你好吗"
    assert {of_system[place][2] for of_system in found["heard"] if place in of_system} == {2}


def test_list_sorts_and_searches(visit, old: Run, old_report: Path):
    page = visit(old_report, fresh=False).page
    rows = page.locator("#list tbody tr")
    page.locator("#list-controls").get_by_label("Metric").select_option(label="SI-SDR dB ↑")
    page.locator("#list thead button", has_text="opus@6000").first.click()
    scores = (
        old.scores[(old.scores.metric == "si_sdr") & (old.scores.system == "opus@6000")].set_index("utterance").value
    )
    order = [scores[name] for name in rows.evaluate_all("rows => rows.map((row) => row.dataset.id)")]
    assert order == sorted(scores)  # the worst comes first
    page.locator("#search").fill("flite-rms car")
    assert rows.evaluate_all("rows => rows.map((row) => row.dataset.id)") == ["rms-01"]
    assert page.locator("#list-count").inner_text() == "1 of 6 utterances"


def test_worst_utterances(visit, old: Run, old_report: Path):
    page = visit(old_report, fresh=False).page
    page.locator("#worst-controls").get_by_label("System").select_option(label="codec2@1200")
    page.locator("#worst-controls").get_by_label("Metric").select_option(label="WER[pocketsphinx] % ↓")
    page.get_by_label("How many").fill("3")
    wer = old.scores[(old.scores.metric == "wer[pocketsphinx]") & (old.scores.system == "codec2@1200")]
    wer = wer.set_index("utterance").value
    names = page.locator("#worst-list .link").all_inner_texts()
    assert [wer[name] for name in names] == sorted(wer, reverse=True)[:3]
    page.locator("#worst-list .link").nth(1).click()
    assert page.locator("#detail-title").evaluate("title => title.firstChild.textContent") == names[1]
    assert "2 of 3" in page.locator("#detail-title").inner_text()


def test_scores_of_an_utterance(visit, old: Run, old_report: Path):
    page = visit(old_report, address="#utterance/0/rms-03").page
    page.wait_for_selector("#detail[open]")
    shown = page.locator("#detail table.scores tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    scores = old.scores[old.scores.utterance == "rms-03"].set_index(["system", "metric"]).value
    assert [row[0] for row in shown] == list(old.systems)
    for system, *values in shown:
        expected = [f"{scores[system, label]:.{m['digits']}f}" for label, m in old.metrics.items()]
        assert values == expected


def test_text_stays_text(visit, hostile_report: Path):
    opened = visit(hostile_report)
    page = opened.page
    attack = f"{HOSTILE} </script><script>alert(2)</script>"
    for place in ("#overview .warn", "#overview h2", "#tables", "#list", "#failures", "#worst-list"):
        assert HOSTILE in page.locator(place).first.text_content()
    assert attack in page.locator("#overview .warn").text_content()
    page.locator("#chart").scroll_into_view_if_needed()
    page.get_by_label("Vertical").select_option(index=3)
    assert HOSTILE in hover_text(page, f"opus@6000{HOSTILE}")
    page.locator("#failure-list summary").first.click()
    open_first(page)
    detail = page.locator("#detail").inner_text()
    assert f"{attack} \u2028 & 'x' %{{y}}" in page.locator("#detail .said").text_content()
    assert f"error: {attack}" in detail
    assert page.locator("#detail .diff del", has_text="said").count() > 0
    assert page.locator("#detail .diff", has_text=HOSTILE).count() > 0
    page.wait_for_timeout(200)
    assert page.locator("img").count() == 0
    assert page.locator("script:not([src])").count() == 3  # data, Plotly, and ours
    assert opened.problems == []
    assert opened.requests == [hostile_report.resolve().as_uri()]


def test_policy_blocks_foreign_scripts(visit, old_report: Path, tmp_path: Path):
    """The page would stay safe even where something was not escaped."""
    text = old_report.read_text(encoding="utf-8")
    bad = tmp_path / "bad.html"
    bad.write_text(text.replace("</main>", f"<script>window.bad = 1</script>{HOSTILE}</main>"), encoding="utf-8")
    opened = visit(bad, tolerated=True)
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("() => window.bad") is None
    assert not any(problem.startswith("dialog") for problem in opened.problems)
    assert any("Content Security Policy" in problem for problem in opened.problems)


def spectrum(page: Any) -> np.ndarray:
    """What is heard now, in dB over 0 to 24 kHz."""
    levels = page.evaluate(
        "() => { const a = new Float32Array(tap.frequencyBinCount); tap.getFloatFrequencyData(a); return [...a]; }"
    )
    return np.array([-200.0 if v is None else v for v in levels])


def play_from(page: Any, seconds: float) -> None:
    """Seeks while it plays; on a busy machine it may have come to its end since the last look."""
    page.locator(".player input").fill(str(seconds))
    page.locator("#detail-title").focus()
    if "Play" in page.locator(".play").inner_text():
        page.keyboard.press("Space")
    page.wait_for_function(f"() => document.querySelector('.player input').valueAsNumber > {seconds + 0.1}")


def high_band(page: Any, key: str) -> float:
    """Plays a system, and gives its loudest level between 4.6 and 7 kHz, relative to the loudest below 3.5 kHz."""
    page.keyboard.press(key)
    play_from(page, 0.3)
    high, low = -200.0, -200.0
    for _ in range(8):
        now = spectrum(page)
        hertz = np.linspace(0, 24_000, len(now), endpoint=False)
        high = max(high, now[(hertz > 4600) & (hertz < 7000)].max())
        low = max(low, now[(hertz > 100) & (hertz < 3500)].max())
        page.wait_for_timeout(50)
    assert low > -70, "nothing is heard"
    return float(high - low)


# Both positions are read while the key is handled, when the page has just updated them.
SWITCH = """
async () => {
  const press = (key) => {
    document.getElementById('detail').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    return [document.querySelector('.player input').valueAsNumber, performance.now() / 1000];
  };
  const first = press('2');
  await new Promise((done) => setTimeout(done, 200));
  return [first, press('3')];
}
"""


def test_listening_switches_at_the_same_position(visit, heard_report: Path):
    page = visit(heard_report, fresh=False).page
    open_first(page)
    wait_for_player(page)
    assert page.locator(".track").all_inner_texts() == ["1 original", "2 codec2@1200", "3 opus@12000"]
    original = high_band(page, "1")
    # Codec 2 works at 8 kHz: what is heard has nothing above 4 kHz, neither from the codec nor from a resampler.
    assert high_band(page, "2") < -50 < original
    assert page.locator(".track[aria-pressed=true]").inner_text() == "2 codec2@1200"
    assert high_band(page, "3") > -50
    play_from(page, 0.3)
    (at, clock), (later, now) = page.evaluate(SWITCH)
    assert 0 < later - at
    assert abs((later - at) - (now - clock)) < 0.05
    play_from(page, 1.2)
    page.keyboard.press("Space")
    paused, _ = page.evaluate(POSITION)
    assert 1.2 < paused
    page.wait_for_timeout(100)
    page.keyboard.press("1")
    assert page.evaluate(POSITION)[0] == paused
    # Seeking, by key, by the slider, and on a spectrogram.
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(POSITION)[0] == pytest.approx(paused - 1, abs=0.01)
    page.locator(".player input").fill("0.5")
    assert page.evaluate(POSITION)[0] == 0.5
    frame = page.locator(".spectrogram .frame").nth(1)
    frame.click(position={"x": frame.bounding_box()["width"] / 2, "y": 20})
    duration = page.locator(".player input").evaluate("e => Number(e.max)")
    assert page.evaluate(POSITION)[0] == pytest.approx(duration / 2, abs=0.02)
    assert page.locator(".track[aria-pressed=true]").inner_text() == "2 codec2@1200"


def test_playing_ends_at_the_end_and_when_closed(visit, heard_report: Path):
    page = visit(heard_report, fresh=False).page
    open_first(page)
    wait_for_player(page)
    duration = page.locator(".player input").evaluate("e => Number(e.max)")
    page.locator(".player input").fill(str(duration - 0.2))
    page.locator(".play").click()
    page.wait_for_function("() => document.querySelector('.play').textContent.includes('Play')", timeout=5000)
    assert page.evaluate(POSITION)[0] == 0
    page.locator(".play").click()
    page.wait_for_timeout(300)
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert spectrum(page).max() < -100


def test_spectrograms_show_the_band_of_each_codec(visit, heard_report: Path):
    page = visit(heard_report, fresh=False).page
    open_first(page)
    page.wait_for_function("() => document.querySelectorAll('canvas[data-drawn]').length === 3")
    above = page.locator(".spectrogram canvas").evaluate_all(
        """canvases => canvases.map((c) => {
          const data = c.getContext('2d').getImageData(0, 0, c.width, c.height / 2 - 4).data;
          return data.reduce((sum, v, i) => sum + (i % 4 === 3 ? 0 : v), 0) / (data.length / 4 * 3);
        })"""
    )
    assert above[1] < 5 < above[0]  # the upper half is 4 to 8 kHz
    assert above[2] > 5


def test_embedded_audio_is_the_kept_audio(visit, heard: Run, heard_report: Path):
    """Decoded by the browser at the file's own rate, sample by sample."""
    page = visit(heard_report, fresh=False).page
    first = page.evaluate("() => JSON.parse(document.getElementById('audio-0-0').textContent)")
    for position, system in enumerate(heard.systems):
        kept, rate = soundfile.read(heard.path / "audio" / system / "rms-01.wav", dtype="float32")
        assert first[str(position)][0] == rate
        got = page.evaluate(
            """async ([rate, text]) => {
              const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
              const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.buffer);
              return [...buffer.getChannelData(0)];
            }""",
            first[str(position)],
        )
        assert np.abs(np.array(got) - np.clip(kept, -1, 1)).max() <= 1.01 / 2**15


def test_keyboard_alone(visit, heard_report: Path):
    page = visit(heard_report).page

    def tab_to(selector: str, limit: int = 120) -> None:
        for _ in range(limit):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                outline = page.evaluate(
                    "() => [document.activeElement, document.activeElement.closest('.chip')].filter(Boolean)"
                    ".some((e) => getComputedStyle(e).outlineStyle !== 'none')"
                )
                assert outline, f"the focus on {selector} cannot be seen"
                return
        pytest.fail(f"no way to {selector} by keyboard")

    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    tab_to("#theme")
    tab_to(".filter")
    page.keyboard.type("opus")
    assert page.locator("tr.row:visible").count() == 1 + page.locator("#list tr.row").count()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    tab_to(".grouped")
    page.keyboard.press("Space")
    tab_to("th[data-label=stoi] button")
    page.keyboard.press("Enter")
    assert page.locator("th[data-label=stoi]").get_attribute("aria-sort") == "descending"
    tab_to("#list .link")
    page.keyboard.press("Enter")
    wait_for_player(page)
    assert page.evaluate("() => document.activeElement.closest('dialog') !== null")
    tab_to(".track:nth-child(2)")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.player input').valueAsNumber > 0.05")
    page.keyboard.press("3")
    assert page.locator(".track[aria-pressed=true]").inner_text() == "3 opus@12000"
    page.keyboard.press("Space")
    assert "Play" in page.locator(".play").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#detail").is_visible()
    assert page.evaluate("() => document.activeElement.matches('#list .link')")


def test_page_alone_works_in_another_folder(visit, heard_report: Path, tmp_path: Path):
    moved = tmp_path / "elsewhere" / "r.html"
    moved.parent.mkdir()
    shutil.copy(heard_report, moved)
    opened = visit(moved)
    open_first(opened.page, 2)
    wait_for_player(opened.page)
    opened.page.keyboard.press("Space")
    opened.page.wait_for_function("() => document.querySelector('.player input').valueAsNumber > 0.1")
    assert [u for u in opened.requests if u.startswith("file:")] == [moved.resolve().as_uri()]


@pytest.mark.parametrize(("utterances", "names"), [(3, []), (2, ["0-0.js", "0-1.js", "0-2.js"])])
def test_audio_of_many_utterances_lies_beside_the_page(
    heard: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utterances: int, names: list[str]
):
    small = report([heard], tmp_path / "small").stat().st_size
    monkeypatch.setattr(embedded_audio, "EMBEDDED_UTTERANCES", utterances)
    path = report([heard], tmp_path / "a")
    assert sorted(file.name for file in tmp_path.glob("a/report_audio/*")) == names
    assert (path.stat().st_size < small) == bool(names)


@pytest.mark.parametrize(("utterances", "size"), [(3, 1), (2, 10_000_000)])
def test_a_small_page_has_all_in_it(
    heard: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utterances: int, size: int
):
    (tmp_path / "report_data.js").write_text("old")
    monkeypatch.setattr(embedded_audio, "EMBEDDED_UTTERANCES", utterances)
    monkeypatch.setattr(page_of_report, "PAGE_BYTES", size)
    report([heard], tmp_path)
    assert not (tmp_path / "report_data.js").exists()


def test_scores_that_make_a_page_too_large_lie_beside_it(
    visit, heard: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(embedded_audio, "EMBEDDED_UTTERANCES", 2)
    monkeypatch.setattr(page_of_report, "PAGE_BYTES", 1)
    path = report([heard], tmp_path / "a").parent.rename(tmp_path / "b") / "report.html"
    opened = visit(path, "#utterance/0/rms-01")
    opened.page.wait_for_selector("#detail[open]")
    assert opened.page.locator("#failure-list").inner_text() == "None: every system has every score on every utterance."
    opened.page.keyboard.press("Escape")
    open_first(opened.page, 1)
    wait_for_player(opened.page)
    names = ("report_data.js", "report_audio/0-0.js", "report_audio/0-1.js")
    assert opened.requests[1:] == [(path.parent / name).resolve().as_uri() for name in names]
    (path.parent / names[0]).unlink()
    alone = visit(path, tolerated=True).page
    alone.wait_for_function("() => document.querySelector('#worst-controls').textContent.includes('is not beside')")
    assert "report_data.js is not beside this page" in alone.locator("#list-controls").inner_text()
    assert alone.locator("#list tbody tr").count() == 0


@pytest.mark.as_user
@pytest.mark.parametrize("viewport", [{"width": 1300, "height": 700}, {"width": 390, "height": 800}])
def test_the_player_stays_while_one_reads(visit, old_report: Path, heard_report: Path, viewport: dict[str, int]):
    page = visit(heard_report, viewport=viewport).page
    page.locator("#list .link").first.click()
    wait_for_player(page)
    body = page.locator(".detail-body")
    body.evaluate("(body) => { body.scrollTop = body.scrollHeight; }")
    assert body.evaluate("(body) => body.scrollTop") > 50
    assert page.locator(".scores").last.bounding_box()["y"] < viewport["height"]
    top = page.locator(".player").bounding_box()["y"] - body.bounding_box()["y"]
    assert -20 < top < 20
    assert page.locator(".player .play").bounding_box()["y"] > body.bounding_box()["y"]


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1300)])
def test_readers_who_cannot_see_or_point_are_served(
    heard_report: Path, visit: Callable[..., Any], faults: Callable[[Any], list[str]], scheme: str, width: int
) -> None:
    page = visit(heard_report, color_scheme=scheme, viewport={"width": width, "height": 800}).page
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert faults(page) == []
    page.click("#list button.link")
    page.wait_for_selector(".track")
    assert faults(page) == []


def test_large_audio_lies_beside_the_page(visit, heard: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded_audio, "EMBEDDED_LIMIT", 100_000)
    (tmp_path / "a" / "report_audio").mkdir(parents=True)
    for name in ("9-9.js", "mine.txt"):
        (tmp_path / "a" / "report_audio" / name).write_text("old")
    path = report([heard], tmp_path / "a")
    names = sorted(f.name for f in (tmp_path / "a" / "report_audio").iterdir())
    assert names == ["0-0.js", "0-1.js", "0-2.js", "mine.txt"]
    (tmp_path / "a").rename(tmp_path / "b")
    path = tmp_path / "b" / path.name
    opened = visit(path)
    open_first(opened.page, 1)
    wait_for_player(opened.page)
    opened.page.keyboard.press("Space")
    opened.page.wait_for_function("() => document.querySelector('.player input').valueAsNumber > 0.1")
    assert opened.requests[1:] == [(path.parent / "report_audio" / "0-1.js").resolve().as_uri()]
    shutil.rmtree(tmp_path / "b" / "report_audio")
    alone = visit(path, tolerated=True).page
    open_first(alone)
    alone.wait_for_function("() => document.querySelector('.listen').textContent.includes('cannot be played')")
    assert "report_audio/0-0.js is not beside this page" in alone.locator(".listen").inner_text()


def test_run_without_recordings_says_so(visit, heard: Run, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(heard.path, folder)
    shutil.rmtree(folder / "audio" / "ground-truth")
    (folder / "audio" / "codec2@1200" / "rms-01.wav").unlink()
    page = visit(report([Run(folder, heard.info)], tmp_path)).page
    open_first(page)
    wait_for_player(page)
    assert page.locator(".track").all_inner_texts() == ["1 opus@12000"]
    assert "the original is not here" in page.locator(".listen").inner_text()


def test_pictures_are_inside(visit, old: Run, tmp_path: Path):
    from codec_bench.reports.plots import Plot

    out = tmp_path / "report"
    (out / "plots").mkdir(parents=True)
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>alert(3)</script>'
        '<rect width="9" height="9"/></svg>'
    )
    for name in ("a.svg", "other_one.svg"):
        (out / "plots" / name).write_text(drawing)
    plot = Plot("a", f"A title {HOSTILE}", "A caption.", (out / "plots" / "a.svg",))
    opened = visit(write_html([old], build_tables([old]), out, plots=[plot]))
    page = opened.page
    page.locator("#pictures").scroll_into_view_if_needed()
    assert page.locator("#pictures figcaption").all_inner_texts() == [f"A title {HOSTILE} A caption.", "Other one"]
    page.wait_for_function("() => [...document.querySelectorAll('#pictures img')].every((i) => i.naturalWidth === 40)")
    page.locator(".zoom").first.click()
    assert page.locator("#enlarged img").is_visible()
    assert [u for u in opened.requests if u.startswith("file:")] == [(out / "report.html").resolve().as_uri()]
