"""What a leaderboard shows, as plain data: sets of recordings, columns, rows, and who shares the first place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from codec_bench.comparison.paired import compare_paired
from codec_bench.publishing.claims import Standing, standings
from codec_bench.publishing.folder import Entry
from codec_bench.publishing.result import Claim, PublishedMetric, Result
from codec_bench.publishing.scores import Sides
from codec_bench.reports.html.embedding import compact
from codec_bench.reports.html.tables import INK
from codec_bench.reports.plots.style import COLOURS, GREY
from codec_bench.reports.sections import band_of
from codec_bench.reports.ties import ALPHA
from codec_bench.runs.directory import slug
from codec_bench.stats import holm

Plain = dict[str, Any]

KINDS = {"reconstruction": "", "probe": "probes", "tokens": "tokens", "speed": "speed"}
"""What the data set's name is followed by where results are of another kind than reconstruction."""

NEWCOMERS = ("wer", "stoi", "pesq_wb", "secs", "utmos", "distillmos", "nisqa", "sigmos", "gpe", "accuracy", "rtf")
"""Metrics that are shown before a reader chooses, as far as there are results."""


@dataclass(frozen=True)
class Board:
    """All that is shown.

    Attributes:
        folder: The results folder.
        entries: Its files that can be read, with their scores.
        claims: What was published elsewhere.
        bands: Edges of the bitrate groups in kbit/s, falling.
    """

    folder: Path
    entries: Sequence[Entry]
    claims: Sequence[Claim]
    bands: Sequence[float]

    @cached_property
    def results(self) -> list[tuple[PurePosixPath, Result]]:
        """Results by path, those of a system's latest date last."""
        return [(e.path, e.result) for e in self.entries if e.result is not None]

    @cached_property
    def standings(self) -> list[Standing]:
        """Claimed values beside measured ones."""
        return standings(self.claims, [result for _, result in self.results])

    @cached_property
    def latest(self) -> set[PurePosixPath]:
        """The newest result of each system on each set under each condition; older versions have the codec's page."""
        newest: dict[tuple[str, ...], tuple[str, PurePosixPath]] = {}
        for place, result in self.results:
            key = (set_of(result), result.label)
            newest[key] = max(newest.get(key, ("", place)), (result.date, place), key=lambda pair: pair[0])
        return {place for _, place in newest.values()}

    def data(self) -> Plain:
        """As the page reads it."""
        columns = self._columns()
        places = {key: i for i, key in enumerate(columns)}
        rows = [*self._measured(places), *self._claimed(places)]
        sets: dict[str, Plain] = {}
        for _, result in self.results:
            sets.setdefault(set_of(result), _describe_set(result))
        for claim in self.claims:
            name = self._set_of_claim(claim)
            title = claim.dataset or f"recordings of {claim.table}"  # each paper has its own
            sets.setdefault(name, {"title": f"{title}, as published", "measured": 0})
        for row in rows:
            sets[row["set"]]["measured"] += row["claim"] is None
        return {
            "columns": list(columns.values()),
            "sets": [{"id": name, **about} for name, about in sorted(sets.items(), key=lambda s: -s[1]["measured"])],
            "rows": rows,
            "tables": [],
        }

    def _columns(self) -> dict[tuple[str, str], Plain]:
        """One per metric; where a set has results of several definitions, each is a column, so that none mix."""
        found: dict[tuple[str, str], Plain] = {}
        definitions: dict[str, list[int]] = {}
        for _, result in self.results:
            for m in result.metrics:
                versions = definitions.setdefault(m.label, [])
                if m.version not in versions:
                    versions.append(m.version)
        for _, result in self.results:
            for m in result.metrics:
                several = len(definitions[m.label]) > 1
                found.setdefault((m.label, str(m.version)), _column(m, f", version {m.version}" if several else ""))
        known = {label for label, _ in found}
        for claim in self.claims:
            for value in claim.values:
                if value.metric and value.metric not in known:
                    found.setdefault((value.metric, ""), {
                        "label": value.metric, "heading": value.title, "unit": value.unit, "better": value.better,
                        "digits": value.digits, "family": "published", "note": "",
                    })  # fmt: skip
        shown = sorted(found, key=lambda key: _rank(key[0]))
        for key in shown:
            found[key]["shown"] = _rank(key[0]) < len(NEWCOMERS)
        return {key: found[key] for key in shown}

    def _measured(self, places: Mapping[tuple[str, str], int]) -> Iterator[Plain]:
        """Rows of results, their best marked within set, condition, bitrate group and kind of codec."""
        mine = [(place, result) for place, result in self.results if place in self.latest]
        keyed = sorted(mine, key=lambda pair: self._group(pair[1]))
        codecs = {name: i for i, name in enumerate(sorted({result.system.codec for _, result in mine}))}
        for _, members in groupby(keyed, key=lambda pair: self._group(pair[1])):
            group = list(members)
            best = self._best(group)
            for place, result in group:
                look = codecs[result.system.codec]
                yield self._row(place, result, look) | {
                    "cells": {
                        str(places[m.label, str(m.version)]): [
                            compact(m.value), compact(m.low), compact(m.high), m.n, m.expected,
                            int((place, m.label) in best),
                        ]
                        for m in result.metrics
                        if m.value is not None
                    }
                }  # fmt: skip

    def _group(self, result: Result) -> tuple[str, ...]:
        condition = result.condition.label if result.condition else ""
        return set_of(result), condition, band_of(result.bitrate.kbps, self.bands), result.system.group

    def _row(self, place: PurePosixPath, result: Result, look: int) -> Plain:
        system = result.system
        is_reference = system.group == "reference"
        colour = COLOURS[look % len(COLOURS)]
        return {
            "id": f"{result.label}~{system.digest}" + (f"~{result.kind}" if result.kind != "reconstruction" else ""),
            "label": result.label,
            "codec": system.codec,
            "page": page_of(system.codec),
            "set": set_of(result),
            "condition": result.condition.label if result.condition else "",
            "group": system.group,
            "band": band_of(result.bitrate.kbps, self.bands),
            "kbps": compact(result.bitrate.kbps),
            "stated": result.bitrate.source == "stated",
            "frame": compact(system.frame_rate_hz),
            "tokens": compact(system.tokens_per_second),
            "books": len(system.books) or None,
            "parameters": system.parameters,
            "causal": system.causal,
            "streaming": system.streaming,
            "licence": " / weights: ".join(filter(None, (system.licence, system.weights_licence))),
            "verified": system.known_answers.state if system.known_answers else "",
            "date": result.date[:10],
            "file": place.as_posix(),
            "colour": GREY if is_reference else "" if colour == INK else colour,
            "look": -1 if is_reference else look,
            "claim": None,
        }

    def _claimed(self, places: Mapping[tuple[str, str], int]) -> Iterator[Plain]:
        newest = {label: place for (label, _), place in places.items()}
        for claim in self.claims:
            values = [v for v in claim.values if v.metric]
            if not values:
                continue
            codec = codec_of_claim(claim)
            yield {
                "id": f"{claim.table}~{claim.row}",
                "label": claim.row,
                "codec": codec,
                "page": page_of(codec),
                "set": self._set_of_claim(claim),
                "condition": "",
                "group": "reference" if claim.system == "ground-truth" else "published",
                "band": band_of(claim.kbps, self.bands),
                "kbps": compact(claim.kbps),
                "stated": True,
                "frame": compact(claim.frame_rate_hz),
                "tokens": None,
                "books": None,
                "parameters": None,
                "causal": None,
                "streaming": None,
                "licence": "",
                "verified": "",
                "date": "",
                "file": "",
                "colour": GREY,
                "look": -1,
                "claim": {"table": claim.table, "paper": claim.paper, "url": claim.url},
                "cells": {str(newest[v.metric]): [compact(v.value), None, None, None, None, 0] for v in values},
            }

    def _set_of_claim(self, claim: Claim) -> str:
        """The measured set of that name in full, if there is one."""
        for _, result in self.results:
            if result.kind == "reconstruction" and result.dataset.name == claim.dataset and not result.dataset.part:
                return set_of(result)
        return f"{claim.dataset or claim.table} as published"

    def _best(self, group: Sequence[tuple[PurePosixPath, Result]]) -> set[tuple[PurePosixPath, str]]:
        """Path and metric of the best values of a group, and of those that are not significantly worse.

        As in the tables of runs: a paired t test over speakers on the utterances that both scored, with Holm's
        correction over the comparisons with the best.
        """
        found: set[tuple[PurePosixPath, str]] = set()
        if len(group) < 2 or group[0][1].system.group == "reference":
            return found
        labels = dict.fromkeys(m.label for _, result in group for m in result.metrics if m.better)
        for label in labels:
            having = [(p, m) for p, r in group for m in r.metrics if m.label == label and m.value is not None]
            if len(having) < 2 or len({m.fingerprint for _, m in having}) > 1:
                continue  # of one definition alone, values can be ranked
            sign = 1 if having[0][1].better == "higher" else -1
            best = max(having, key=lambda pair: sign * (pair[1].value or 0.0))
            found |= {(p, label) for p, m in having if m.value == best[1].value}
            others = [p for p, m in having if m.value != best[1].value]
            tested = [self._p_worse(best[0], place, label, sign) for place in others]
            known = [p for p in tested if p is not None]
            if len(known) == len(tested):
                found |= {(p, label) for p, value in zip(others, holm(known), strict=True) if value > ALPHA}
        return found

    def _p_worse(self, best: PurePosixPath, other: PurePosixPath, label: str, sign: int) -> float | None:
        """One-sided p-value against "not worse than the best"; None where nothing can tell, as of probes' trainings."""
        sides = self._sides.get(best), self._sides.get(other)
        if sides[0] is None or sides[1] is None or sides[0].has_trainings or sides[1].has_trainings:
            return None
        pair = sides[0].paired(sides[1], label)
        if pair is None or len(set(pair[2].tolist())) < 2:
            return None
        paired = compare_paired(*pair)
        if np.isnan(paired.error):
            return None
        return paired.p_lower if sign > 0 else paired.p_higher

    @cached_property
    def _sides(self) -> dict[PurePosixPath, Sides]:
        return {entry.path: entry.sides for entry in self.entries if entry.sides is not None}


def set_of(result: Result) -> str:
    """What can stand in one table: kind of measurement and recordings, by content."""
    data = result.dataset
    return f"{data.name}@{data.manifest_sha256[:8]}" + (f" {KINDS[result.kind]}" if KINDS[result.kind] else "")


def codec_of_claim(claim: Claim) -> str:
    """The codec that a claim is about; rows that nothing here runs share the page of their table."""
    return claim.system.partition("@")[0] if claim.system else claim.table


def page_of(codec: str) -> str:
    """The page of a codec, relative to the site."""
    return f"codecs/{slug(codec)}.html"


def _describe_set(result: Result) -> Plain:
    data = result.dataset
    size = f"{data.utterances} utterances" + (f", {data.speakers} speakers" if data.speakers else "")
    kind = KINDS[result.kind] and f"{KINDS[result.kind]}: "
    return {"title": f"{kind}{data.name} ({size}{f'; {data.part}' if data.part else ''})", "measured": 0}


def _column(metric: PublishedMetric, suffix: str) -> Plain:
    return {
        "label": metric.label,
        "heading": metric.heading + suffix,
        "unit": metric.unit,
        "better": metric.better,
        "digits": metric.digits,
        "family": metric.family,
        "note": ", ".join(filter(None, (f"version {metric.version}", *metric.uses.values()))),
    }


def _rank(label: str) -> int:
    name = label.partition("[")[0]
    return NEWCOMERS.index(name) if name in NEWCOMERS else len(NEWCOMERS)
