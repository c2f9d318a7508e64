"""What a baseline holds, for people."""

from __future__ import annotations

from rich.text import Text

from codec_bench import terminal
from codec_bench.comparison.measurements import ComparedMetric, Measurements
from codec_bench.grids import Grid
from codec_bench.stats import estimate


def print_contents(measured: Measurements) -> None:
    """Prints data set, provenance and the value of each system and metric, with n of n."""
    console = terminal.console()
    data = measured.dataset
    console.print(Text(f"{measured.described}, {data.get('speakers') or 'unknown'} speakers"), soft_wrap=True)
    console.print(Text(f"manifest {data['manifest_sha256']}"), soft_wrap=True)
    console.print(Text(f"codec-bench {measured.provenance.get('codec_bench') or 'unknown'}"), soft_wrap=True)
    rows = [
        (system, column.label, *_value(measured, system, column), str(column.version))
        for system in measured.systems
        for column in measured.columns.values()
    ]
    Grid(("system", "metric", "value", "n", "version"), rows, right=(2, 3, 4)).print_on(console)


def _value(measured: Measurements, system: str, column: ComparedMetric) -> tuple[str, str]:
    outcomes = measured.of(system, column.label)
    good = {u: o for u, o in outcomes.items() if o.status == "ok"}
    found = estimate(
        [o.numerator for o in good.values()],
        [o.denominator for o in good.values()],
        list(good),
        expected=len(outcomes),
        scale=column.scale,
    )
    value = "–" if found.value is None else f"{found.value:.{column.digits}f} {column.unit}".rstrip()
    return value, f"{found.n} of {found.expected}"
