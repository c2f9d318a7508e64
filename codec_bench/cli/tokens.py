"""`codec-bench tokens`: what the tokens of codecs say by themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codec_bench.cli import options as o
from codec_bench.cli.finish import tell

if TYPE_CHECKING:
    from codec_bench.runs.directory import Run


def tokens(
    codec: Annotated[
        list[str] | None, typer.Option(help="CODEC[@SETTING][,...]; may be repeated. See `list codecs`.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="NAME, FILE.tsv or DIR; libritts-test-b by default.")] = None,
    kept: Annotated[
        Path | None,
        typer.Option("--tokens", help="Run directory of `run --keep-audio`, in the place of --codec and --dataset."),
    ] = None,
    codebooks: Annotated[str | None, typer.Option(help="Numbers of codebooks: 2,3,4.")] = None,
    limit: o.Limit = None,
    ngram_codebooks: Annotated[int, typer.Option(min=1, help="n-grams are of tuples of so many first codebooks.")] = 1,
    pair_codebooks: Annotated[
        int, typer.Option(min=0, help="Mutual information is between pairs of so many first codebooks.")
    ] = 8,
    lm: Annotated[bool, typer.Option("--lm/--no-lm", help="Train a small language model on the tokens.")] = True,
    lm_steps: Annotated[int, typer.Option(min=1, help="Its steps.")] = 300,
    stability: Annotated[
        bool, typer.Option("--stability/--no-stability", help="Encode changed audio and compare the tokens.")
    ] = True,
    stability_utterances: Annotated[int, typer.Option(min=1, help="For how many utterances.")] = 200,
    map_method: Annotated[str, typer.Option("--map", help="Of mean embeddings: tsne, umap, pca or none.")] = "tsne",
    label: Annotated[str | None, typer.Option(help="Column of the data set by which the map is drawn.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    data_root: Annotated[Path | None, typer.Option(help="Folder of an extracted data set.")] = None,
    audio_root: Annotated[Path | None, typer.Option(help="Folder that a manifest's paths are relative to.")] = None,
    seed: o.Seed = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/<date>-tokens-... by default.")] = None,
    no_report: o.NoReport = False,
    as_json: o.Json = False,
) -> None:
    """Look at the tokens: use of codebooks, entropy, n-grams, dependence, modelability, stability, a map."""
    from codec_bench.errors import UsageError
    from codec_bench.reports.report import write_report
    from codec_bench.token_statistics.command import TokensConfig, run_tokens

    if map_method not in ("tsne", "umap", "pca", "none"):
        raise UsageError(f"--map is tsne, umap, pca or none, not {map_method!r}")
    if kept is not None and dataset is not None:
        raise UsageError("--tokens brings its own data set: leave out --dataset")
    chosen = TokensConfig(
        codec=tuple(part.strip() for text in codec or [] for part in text.split(",") if part.strip()),
        tokens=kept,
        codebooks=_numbers(codebooks),
        limit=limit,
        data_root=data_root,
        audio_root=audio_root,
        symbol_codebooks=ngram_codebooks,
        pair_codebooks=pair_codebooks,
        lm=lm,
        lm_steps=lm_steps,
        stability=stability_utterances if stability else 0,
        map_method=map_method,
        label=label,
        device=device,
        seed=seed or 0,
        out=out,
        **o.given(dataset=dataset),
    )
    run = run_tokens(chosen)
    write_report([run], run.path, formats=("md",) if no_report else ("md", "html"), plots=not no_report)
    tell([run], as_json, after=_print_codebooks)


def _numbers(text: str | None) -> tuple[int, ...]:
    from codec_bench.errors import UsageError

    try:
        return tuple(int(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        raise UsageError(f"--codebooks is numbers with commas, e.g. 2,3,4, not {text!r}") from None


def _print_codebooks(run: Run) -> None:
    """The table of codebooks, on a terminal with lines and elsewhere as Markdown."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from codec_bench.token_statistics.command import codebook_rows

    headings = [
        "system",
        "codebook",
        "size",
        "used",
        "dead",
        "norm. entropy",
        "perplexity",
        "entropy bit",
        "Huffman bit",
    ]
    rows = [
        [
            str(r["system"]), str(r["codebook"]), str(r["size"]), f"{100 * r['utilisation']:.1f} %", str(r["dead"]),
            f"{r['normalised_entropy']:.3f}", f"{r['perplexity']:.1f}", f"{r['entropy_bits']:.3f}",
            f"{r['huffman_bits']:.3f}",
        ]
        for r in codebook_rows(run)
    ]  # fmt: skip
    console = Console()
    if console.is_terminal:
        grid = Table(title="Codebooks", title_justify="left", title_style="bold", pad_edge=False)
        for place, heading in enumerate(headings):
            grid.add_column(heading, justify="right" if place else "left", no_wrap=not place)
        for row in rows:
            grid.add_row(*map(Text, row))
        console.print(grid)
        return
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    sys.stdout.write("\n### Codebooks\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines))
