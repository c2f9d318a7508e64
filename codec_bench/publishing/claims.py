"""What papers say of codecs, as results of another kind: claimed, and measured here or not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from codec_bench.files import write_atomically
from codec_bench.publishing.folder import CLAIMED, text_of
from codec_bench.publishing.result import Claim, ClaimedValue, Claims, PublishedMetric, Result
from codec_bench.reproduction.judging import Agreement, is_number, judge
from codec_bench.reproduction.paper import (
    Paper,
    PublishedColumn,
    PublishedRow,
    PublishedTable,
    load_paper,
    paper_names,
)
from codec_bench.runs.directory import slug


@dataclass(frozen=True)
class Standing:
    """A claimed value beside what was measured.

    Attributes:
        measured: The result and its column; None where there is none of this system on this data set.
        verdict: `within tolerance`, `outside tolerance`, `not run`, `not judged`.
    """

    claim: Claim
    value: ClaimedValue
    measured: tuple[Result, PublishedMetric] | None
    verdict: str
    reason: str

    @property
    def text(self) -> str:
        """`measured: 1.806, within tolerance`, or `not yet measured`."""
        if self.measured is None:
            return self.reason or "not yet measured"
        value = self.measured[1].value
        told = "no value" if value is None else f"{value:.{self.value.digits + 1}f}"
        return f"measured: {told}, {self.verdict}" + (f" ({self.reason})" if self.reason else "")


def claims_of_papers() -> list[Claim]:
    """All rows of the tables that are held, in the order of the papers."""
    papers = [load_paper(name) for name in paper_names()]
    return [
        claim
        for paper in papers
        for table in paper.tables.values()
        for row in table.rows
        if (claim := _claim(paper, table, row)) is not None
    ]


def write_claims(claims: Sequence[Claim], folder: Path) -> list[Path]:
    """Writes claims, one file per codec and table; returns the paths."""
    files: dict[PurePosixPath, list[Claim]] = {}
    for claim in claims:
        files.setdefault(place_of_claim(claim), []).append(claim)
    for place, held in files.items():
        plain = Claims(codec_bench_claims=1, claims=held).model_dump(mode="json")
        write_atomically(folder / place, text_of(plain).encode())
    return [folder / place for place in files]


def place_of_claim(claim: Claim) -> PurePosixPath:
    """Where a claim lies: `llm-codec/claimed/longcat-table5.json`."""
    codec = claim.system.partition("@")[0] if claim.system else claim.row
    return PurePosixPath(slug(codec), CLAIMED, f"{slug(claim.table.replace(':', '-'))}.json")


def standings(claims: Sequence[Claim], results: Sequence[Result]) -> list[Standing]:
    """Every claimed value that a metric here measures, beside what was measured of it.

    Of several results of one system and data set the latest counts.
    """
    known: dict[tuple[str, str, str], tuple[Result, PublishedMetric]] = {}
    for result in sorted(results, key=lambda r: r.date):
        if result.condition is None:
            for metric in result.metrics:
                known[result.system.label, result.dataset.name, metric.label] = (result, metric)
    return [
        _standing(claim, value, known.get((claim.system or "", value.dataset or claim.dataset, value.metric)))
        for claim in claims
        for value in claim.values
        if value.metric
    ]


def _standing(claim: Claim, value: ClaimedValue, found: tuple[Result, PublishedMetric] | None) -> Standing:
    if found is None:
        return Standing(claim, value, None, Agreement.NOT_RUN.value, claim.why)
    column = PublishedColumn(
        title=value.title, metric=value.metric, tolerance=value.tolerance, because=value.because or "not stated",
        digits=value.digits,
    )  # fmt: skip
    other = "" if not found[0].dataset.part else f"measured on {found[0].dataset.part}"
    verdict, reason = judge(column, value.value, found[1].value, value.doubt, other)
    return Standing(claim, value, found, verdict.value, reason)


def _claim(paper: Paper, table: PublishedTable, row: PublishedRow) -> Claim | None:
    """A row as a claim; None where it has no number."""
    values = [
        ClaimedValue(
            title=column.title,
            metric=column.metric or column.result,
            unit=column.unit,
            better=column.better,
            value=float(value),
            digits=column.digits,
            tolerance=column.tolerance,
            because=column.because,
            doubt=row.doubtful.get(key, ""),
            dataset=column.dataset,
        )
        for key, column in table.columns.items()
        if is_number(value := table.published(row)[key])
    ]
    if not values:
        return None
    return Claim(
        system=row.system,
        why=table.reason(row),
        row=table.label(row),
        table=table.id,
        paper=paper.title,
        url=paper.url,
        dataset=table.dataset(row) or "",
        kbps=row.kbps,
        frame_rate_hz=row.frame_rate,
        values=values,
    )
