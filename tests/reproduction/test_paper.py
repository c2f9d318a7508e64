"""Papers' files: what is wrong in one is a line, and what is right does not change."""

from __future__ import annotations

import pytest

from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.reproduction import find_tables
from codec_bench.reproduction.paper import parse_paper

GOOD = """
name: ours
title: Ours
citation: nobody
url: https://example.org
protocols:
  p: {dataset: demo, sample_rate: 16000}
columns:
  stoi: {title: STOI, metric: stoi, better: higher, tolerance: 0.01, because: two decimals}
tables:
  table1:
    caption: c
    where: here
    kind: reconstruction
    protocol: p
    columns: [stoi]
    rows:
      - {name: A, system: opus@6000, values: [0.9]}
      - {name: B, why: not published, values: [0.8]}
"""


def test_a_good_file_is_read() -> None:
    (table,) = parse_paper(GOOD, "ours.yaml").tables.values()
    assert (table.id, [row.name for row in table.rows]) == ("ours:table1", ["A", "B"])
    assert table.published(table.rows[0]) == {"stoi": 0.9}
    assert (table.reason(table.rows[0]), table.reason(table.rows[1])) == ("", "not published")


@pytest.mark.parametrize(("old", "new", "said"), [
    ("tables:", "tables: [", "not valid YAML"),
    ("protocol: p\n", "protocol: q\n", "'q'"),
    ("columns: [stoi]", "columns: [pesq]", "'pesq'"),
    ("values: [0.9]", "values: [0.9, 0.8]", "2 values for 1 columns"),
    ("name: B", "name: A", "two rows have the name 'A'"),
    (", why: not published", "", "'B' has no system and does not say why"),
    ("values: [0.8]", "values: [0.8], doubtful: {gpe: why}", "'gpe', which is not a column"),
    (", because: two decimals", "", "needs a tolerance and its reason"),
    ("kind: reconstruction", "kind: guess", "tables.table1.kind"),
    ("where: here", "where: here\n    colour: red", "colour"),
    ("name: ours", "nome: ours", "name"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(CodecBenchError) as caught:
        parse_paper(GOOD.replace(old, new), "ours.yaml")
    assert said in str(caught.value)
    assert "ours.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_counted_codebook_is_a_number_and_streaming_is_not() -> None:
    (table,) = find_tables("magicodec:1")
    first = table.published(table.rows[7])
    assert (type(first["codebooks"]), type(first["streaming"])) == (float, bool)


@pytest.mark.parametrize(("name", "said"), [
    ("longcatt", "longcat"), ("longcat:table55", "table5"), ("longcat:", "table"), ("", "paper"),
    ("../longcat", "paper"),
])  # fmt: skip
def test_unknown_names_offer_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_tables(name)


def test_a_number_is_a_table() -> None:
    assert find_tables("longcat:5") == find_tables("longcat:table5")
    assert len(find_tables("longcat")) == 8
