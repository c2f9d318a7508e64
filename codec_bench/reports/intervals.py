"""What the intervals of a run are, in words: over which units, how many these are, and how much they tell."""

from __future__ import annotations

from typing import Any

from codec_bench.runs.directory import Run
from codec_bench.stats import FEW_CLUSTERS


def described(run: Run) -> str:
    """`95 % intervals: t over 13 speakers, which tell as much as 7.9 of equal size`; empty where there are none."""
    how: dict[str, Any] = run.info.get("intervals") or {}
    if "level" not in how:
        return ""
    what = f"{100 * how['level']:g} % intervals"
    if "resamples" in how:
        return (
            f"{what} of an earlier version, too narrow where speakers are few: percentile bootstrap, "
            f"{how['resamples']} draws of {how['unit']}, seed {how['seed']}"
        )
    if "clusters" not in how:
        return f"{what}: {how.get('method', 'method not stated')}"
    if how["clusters"] < 2:
        return "no intervals: they take two utterances or more"
    return f"{what}: t over {_units(run, how)}{_trainings(how)}"


def warning(run: Run) -> str:
    """What to know where speakers are few; empty otherwise, and for intervals that are not over speakers."""
    how: dict[str, Any] = run.info.get("intervals") or {}
    if "clusters" not in how or not how["unit"].startswith("speakers") or how["clusters"] >= FEW_CLUSTERS:
        return ""
    return (
        f"only {how['clusters']} speakers: intervals hold but are wide, and few differences are beyond chance; with "
        f"{FEW_CLUSTERS} or more a comparison sees more"
    )


def counted(number: int, what: str) -> str:
    """`1 speaker`, `2 speakers`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _units(run: Run, how: dict[str, Any]) -> str:
    """`13 speakers, which tell as much as 7.9 of equal size`."""
    unit, _, more = how["unit"].partition(", ")
    speakers = run.info["plan"]["dataset"].get("speakers") or 0
    number = how["clusters"]
    units = counted(number, unit.removesuffix("s"))
    if unit == "utterances":
        of = "this speaker" if speakers == 1 else "these speakers"
        return f"{units}, " + (f"about {of} only" if speakers else "whose speakers are not known")
    if number > speakers > 0:
        units = f"{speakers} speakers and {counted(number - speakers, 'utterance')} whose speaker is not known"
    if round(how["effective"], 1) < number:
        units += f", which tell as much as {how['effective']:.1f} of equal size"
    return f"{units} ({more})" if more else units


def _trainings(how: dict[str, Any]) -> str:
    """What a probe adds: its trainings are drawn at random too."""
    if "trainings" not in how:
        return ""
    number = how["trainings"]
    return ", of this training alone" if number == 1 else f", with the noise of {number} trainings"
