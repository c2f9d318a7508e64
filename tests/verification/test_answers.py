"""The files of answers that ship: complete, readable, and of published places that do not move."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codec_bench.adapters import CODECS
from codec_bench.adapters.systems import with_setting
from codec_bench.errors import UsageError
from codec_bench.verification import answers
from codec_bench.verification.answers import PublishedFile
from codec_bench.verification.targets import Target, names, target_of

FILES = sorted(Path(answers.__file__).parent.parent.rglob(f"*{answers.SUFFIX}"))
MOVING = {"obama", "librispeech-row-0", "phoebe"}
"""Published in buckets and data sets that have no commits."""


@pytest.fixture(scope="module")
def targets() -> dict[str, list[Target]]:
    return {name: target_of(name) for name in names()}


def published(targets: dict[str, list[Target]], kind: str) -> set[str]:
    """What carries an answer that its authors, or those who ship it, have printed."""
    found = {name for name, made in targets.items() for t in made if any(c.origin == "published" for c in t.checks)}
    return {name.partition(":")[2] for name in found if name.startswith(kind)}


def test_twenty_families_of_codecs_and_fifteen_metrics_and_recognisers_have_published_answers(
    targets: dict[str, list[Target]],
) -> None:
    families = {re.split(r"-(?=\d|large|small|medium|sft)", name)[0] for name in published(targets, "codec")}
    assert len(families) >= 20, families
    assert len({re.split(r"[:\]]", name)[0] for name in published(targets, "metric")}) >= 15


@pytest.mark.slow  # whoever adds a codec need not have looked for its answers yet
def test_whatever_has_no_answer_says_what_is_second_best(targets: dict[str, list[Target]]) -> None:
    silent = [
        n for n, made in targets.items() for t in made if not t.checks and not (t.answers and t.answers.second_best)
    ]
    assert silent == []


def test_settings_are_those_of_the_codecs(targets: dict[str, list[Target]]) -> None:
    for name, made in targets.items():
        for check in (check for target in made for check in target.checks if name.startswith("codec:")):
            with_setting(CODECS.get(name.removeprefix("codec:")), check.setting or target_mode(made))


def target_mode(made: list[Target]) -> str | None:
    return made[0].mode


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_of_others_are_of_a_commit_and_have_a_digest(path: Path) -> None:
    for name, made in answers.load(path).inputs.items():
        if not isinstance(made, PublishedFile) or name in MOVING:
            continue
        assert not made.source or re.search("/[0-9a-f]{40}/", made.source), name
        assert made.sha256 or made.size or not made.source, name
        assert made.licence


def test_a_file_that_is_none_of_answers_is_one_line(tmp_path: Path) -> None:
    for number, (content, message) in enumerate(
        (
            ("[1]", "holds no answers"),
            ("answers: {x: {}}", "answers have checks"),
            (
                "answers: {x: {checks: [{kind: score, input: a, value: 1, tolerance: 0, source: s, reveals: r}]}}",
                "no input",
            ),
        )
    ):
        path = tmp_path / f"{number}.yaml"
        path.write_text(content)
        with pytest.raises(UsageError, match=message):
            answers.load(path)


def test_before_first_use_one_of_longcats_nine_recordings_is_enough(targets: dict[str, list[Target]]) -> None:
    for name in ("codec:longcat-24k", "codec:longcat-24k-sft"):
        (target,) = [target for found in targets.values() for target in found if target.name.split("@")[0] == name]
        assert len(target.chosen(quick=False)) == 9
        assert [check.input for check in target.chosen(quick=True)] == ["LongCat's demos: common.wav"]
