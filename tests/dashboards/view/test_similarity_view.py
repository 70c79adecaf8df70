"""Is a similarity that one dimension or one family makes told as such, in lines and in sentences, and never as a change?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from made_comparisons import NONE, comparison_of, kind_of

from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.instruction_contrasts import build_contrasts
from strata.dashboards.view.comparison.stream_similarity import build_similarity
from strata.experiments.results.file_versions import MANIFEST_SCHEMA
from strata.experiments.results.roles import BASE, DISTILLED
from strata.experiments.run.manifest import Manifest
from strata.probes.errors import StrataError

Json = dict[str, Any]
STREAMS = range(7)
NO_MANIFEST = Manifest(schema=MANIFEST_SCHEMA)


def run_of(table: str, rows: list[Json]) -> ComparisonRun:
    comparison = comparison_of(kind_of(NONE), kind_of(NONE)).model_copy(update={"n_layers": 6})
    return ComparisonRun(
        Path("somewhere"), NO_MANIFEST, comparison, {}, [], {table: rows}, answers={},
        models=dict.fromkeys((BASE, DISTILLED), NO_MANIFEST), summaries={},
    )  # fmt: skip


def rows_of(
    full: Mapping[int, float],
    trimmed: Mapping[int, float] | None = None,
    families: Mapping[str, Mapping[int, float]] | None = None,
    measure: str = "cka",
    **names: Any,
) -> list[Json]:
    """Values by stream, 1 where none is given; dominant are dimensions 3 and 9 where `trimmed` has a value."""
    rows = []
    common = {"contrast": "distilled", "measure": measure, "kind": "reasoning", "position": "last", "method": "", "n_clusters": 12,
              "n_items": 24, "n_appended": 0, **names}  # fmt: skip
    for stream in STREAMS:
        there = trimmed is not None and stream in trimmed
        at = {**common, "stream": stream, "share_base": 0.77 if there else 0.02, "share_other": 0.3 if there else 0.05,
              "dominant": "3, 9" if there else None}  # fmt: skip
        value = full.get(stream, 1.0)
        for dimensions in ("all", "trimmed"):
            here = (trimmed or {}).get(stream, value) if dimensions == "trimmed" else value
            rows.append({**at, "dimensions": dimensions, "excluded": None, "value": here, "low": here, "high": here})
            rows += [
                {
                    **at,
                    "dimensions": dimensions,
                    "excluded": family,
                    "value": of.get(stream, here),
                    "low": None,
                    "high": None,
                }
                for family, of in (families or {}).items()
            ]
    return rows


def sentences_of(rows: list[Json]) -> str:
    return " ".join(entry.text for entry in build_similarity(run_of("similarity", rows)).told)


def test_a_fall_that_is_not_there_without_the_dominant_dimensions_is_not_the_streams() -> None:
    view = build_similarity(run_of("similarity", rows_of({2: 0.7, 3: 0.68}, {2: 0.9, 3: 0.91, 4: 1.0})))
    full, trimmed = view.lines
    assert (full.dimensions, trimmed.dimensions) == ("all", "trimmed")
    assert full.mean[3] == 0.68 and trimmed.mean[3] == 0.91
    assert full.dominant[3] == "3, 9" and full.dominant[0] is None and full.shares[3] == 0.77
    assert "without dominant dimensions" in trimmed.aria and "without" not in full.aria
    (sentence,) = [entry.text for entry in view.told]
    assert "lowest CKA 0.680 at stream 3 (24 items)" in sentence
    assert "dimensions 3, 9 dominate: one holds up to 77 % of the variance (streams 2–4)" in sentence
    assert (
        "most of the fall at streams 2–3 goes with them (0.910 instead of 0.680 without them at stream 3)" in sentence
    )
    assert "hidden" not in sentence and "part" not in sentence


def test_where_nothing_is_dominant_the_trimmed_line_is_the_other_one() -> None:
    """With or without rows of its own in the table."""
    rows = rows_of({2: 0.7, 3: 0.68, 5: 0.8}, {2: 0.9, 3: 0.91})
    sparse = [row for row in rows if row["dimensions"] == "all" or row["dominant"]]
    assert len(sparse) < len(rows)
    lines = [build_similarity(run_of("similarity", table)).lines for table in (rows, sparse)]
    assert lines[0] == lines[1] and lines[0][1].mean == (1.0, 1.0, 0.9, 0.91, 1.0, 0.8, 1.0)


def test_a_likeness_that_is_not_there_without_them_is_not_the_streams_either() -> None:
    sentence = sentences_of(rows_of({}, {2: 0.4}))
    assert (
        "lowest CKA 1.000" in sentence
        and "most of a fall at stream 2 is hidden by them (0.400 instead of 1.000" in sentence
    )


def test_a_fall_that_stays_without_them_is_only_in_part_theirs() -> None:
    """1 − .56 is more than half of 1 − .3."""
    sentence = sentences_of(rows_of({2: 0.3}, {2: 0.56}))
    assert (
        "a part of the fall at stream 2 goes with them, the rest stays (0.560 instead of 0.300 without them" in sentence
    )
    assert "most of" not in sentence
    assert "most of the fall at stream 2 goes with them" in sentences_of(rows_of({2: 0.3}, {2: 0.66}))
    assert "a part of the fall at stream 2 is hidden by them" in sentences_of(rows_of({2: 0.6}, {2: 0.4}))


def test_streams_of_opposite_direction_are_told_apart() -> None:
    sentence = sentences_of(rows_of({2: 0.5, 5: 0.95}, {2: 0.9, 5: 0.7}))
    assert "most of the fall at stream 2 goes with them (0.900 instead of 0.500" in sentence
    assert "most of a fall at stream 5 is hidden by them (0.700 instead of 0.950" in sentence


def test_every_sentence_names_its_position() -> None:
    rows = [*rows_of({2: 0.7}), *rows_of({2: 0.6}, position="operand")]
    view = build_similarity(run_of("similarity", rows))
    assert [(entry.position, f"reasoning, at {entry.position}: lowest" in entry.text) for entry in view.told] == [("last", True), ("operand", True)]  # fmt: skip


def test_without_dominant_dimensions_there_is_no_second_line_and_that_is_said() -> None:
    view = build_similarity(run_of("similarity", rows_of({2: 0.7})))
    assert [line.dimensions for line in view.lines] == ["all"]
    assert "no dimension is dominant (the largest holds 5 % of the variance)" in view.told[0].text
    same = sentences_of(rows_of({2: 0.7}, {2: 0.705}))
    assert "the line is the same to 0.02" in same and "disagree" not in same


def test_a_fall_that_goes_with_one_family_is_told_as_that_familys() -> None:
    dip = {2: 0.7, 3: 0.6}
    families: Json = {"binding": {2: 0.98, 3: 0.97}, "ordering": {2: 0.65}, "parity": {3: 0.75}}
    view = build_similarity(run_of("similarity", rows_of(dip, None, families)))
    (line,) = view.family_lines
    assert (line.low[2], line.high[2]) == (0.65, 0.98) and (line.low[3], line.high[3]) == (0.6, 0.97)
    assert line.mean[3] == 0.6 and "one of 3 families excluded at a time" in line.method
    sentence = view.told[0].text
    assert "the lowest lies between 0.600 (without ordering) and 0.970 (without binding)" in sentence
    assert (
        "only binding makes it fall at streams 2–3: without it the lowest value there is 0.970 instead of 0.600"
        in sentence
    )


def test_a_fall_that_stays_whichever_family_is_excluded_is_no_familys() -> None:
    families: Json = {"one": {2: 0.72}, "two": {2: 0.68}, "three": {2: 0.8}}
    sentence = sentences_of(rows_of({2: 0.7}, None, families))
    assert "only" not in sentence and "between 0.680 (without two) and 0.800 (without three)" in sentence
    assert "all of one family" in sentences_of(rows_of({2: 0.7}))


def test_names_of_families_can_not_reorder_the_sentence() -> None:
    sentence = sentences_of(rows_of({2: 0.7}, None, {"a\u202eb": {2: 0.99}, "two": {2: 0.6}}))
    assert "\u202e" not in sentence and "⟨U+202E⟩" in sentence


def test_prompts_that_are_scored_behind_a_fed_token_are_counted() -> None:
    sentence = sentences_of(rows_of({}, n_appended=12))
    assert "12 of 24 reasoning items are scored behind a first answer token that answer and foil share" in sentence
    assert "scored behind" not in sentences_of(rows_of({}))


def test_a_cosine_is_told_only_where_a_dimension_carries_it() -> None:
    view = build_similarity(run_of("similarity", rows_of({2: 0.9}, measure="cosine")))
    assert view.told == () and len(view.lines) == 1
    carried = sentences_of(rows_of({2: 0.9}, {2: 0.5}, measure="cosine"))
    assert "lowest mean cosine 0.900" in carried and "of the squared length" in carried


@pytest.mark.parametrize(("table", "build"), [("similarity", build_similarity), ("contrasts", build_contrasts)])
def test_a_table_of_an_earlier_version_is_named(table: str, build: Any) -> None:
    with pytest.raises(StrataError, match=f"{table}.parquet was written by an earlier version"):
        build(run_of(table, [{"stream": 0, "value": 1.0}]))


def excess(value: float, trimmed: float | None = None, without: float | None = None, half: float = 0.01) -> list[Json]:
    rows = []
    for stream in STREAMS:
        for dimensions, here in (("all", value), ("trimmed", value if trimmed is None else trimmed)):
            common = {"model": "base", "kind": "reasoning", "contrast": "excess", "stream": stream, "dimensions": dimensions,
                      "share": 0.6, "dominant": None if trimmed is None else "7", "n_items": 24, "n_clusters": 12,
                      "method": "", "reason": None}  # fmt: skip
            rows.append({**common, "excluded": None, "value": here, "low": here - half, "high": here + half})
            rows += [
                {**common, "excluded": family, "value": of, "low": None, "high": None}
                for family, of in (("one", here if without is None else without), ("two", here))
            ]
    return rows


@pytest.mark.parametrize(
    ("rows", "words", "absent"),
    [
        (excess(0.05), "leaves 0 out at streams 0–6", "gone"),
        (excess(0.005), "holds 0 wherever there is one", "gone"),
        (excess(0.05, trimmed=0.0), "without what is dominant it is gone at streams 0–6", "it stays"),
        (excess(0.05, trimmed=0.04), "without what is dominant it stays", "gone"),
        (excess(0.05, trimmed=-0.05), "without what is dominant it is gone", "it stays"),
        (excess(0.05, without=-0.001), "without one it is gone at streams 0–6", "without two"),
    ],
)
def test_an_excess_is_told_with_what_makes_it(rows: list[Json], words: str, absent: str) -> None:
    view = build_contrasts(run_of("contrasts", rows))
    (entry,) = view.told
    assert words in entry.text and absent not in entry.text


def test_from_where_on_there_is_an_excess_is_told_of_streams_and_of_attention() -> None:
    def of(site: str, **found: int | None) -> list[Json]:
        onset = {"onset": None, "onset_low": None, "onset_high": None, **found}
        kept = [
            row for row in excess(0.05) if site == "stream" or (row["dimensions"], row["excluded"]) == ("all", None)
        ]
        return [{**row, "site": site, **onset} for row in kept]

    view = build_contrasts(run_of("contrasts", [*of("stream", onset=4, onset_low=3), *of("attention")]))
    streams, attention = (entry.text for entry in view.told)
    assert streams.endswith(
        "From stream 4 [3–none] on asking for reasoning changes more than asking for another next token."
    )
    assert attention.endswith(
        "what attention adds: from no block on does asking for reasoning change more than asking for another next token."
    )
    assert [line.site for line in view.attention_lines] == ["attention"] and {line.site for line in view.lines} == {
        "stream"
    }
    few = [{**row, "low": None, "high": None} for row in of("attention")]
    assert "isn't judged" in build_contrasts(run_of("contrasts", [*of("stream"), *few])).told[1].text


def test_a_contrast_that_falls_with_a_dimension_alone_is_drawn_without_it_and_told() -> None:
    rows = []
    for contrast, fallen in (("excess", {}), ("slow_slow", {3: (0.43, 0.99)}), ("fast_fast", {3: (0.985, 0.99)})):
        for stream in STREAMS:
            values = fallen.get(stream, (0.0, 0.0) if contrast == "excess" else (1.0, 1.0))
            common = {"model": "base", "kind": "knowledge", "contrast": contrast, "stream": stream, "excluded": None, "share": 0.5,
                      "dominant": "7" if stream == 3 else None, "n_items": 24, "n_clusters": 12, "method": "", "reason": None}  # fmt: skip
            rows += [
                {**common, "dimensions": dimensions, "value": value, "low": value - 0.01, "high": value + 0.01}
                for dimensions, value in zip(("all", "trimmed"), values, strict=True)
            ]
    view = build_contrasts(run_of("contrasts", rows))
    twice = [line.contrast for line in view.lines if line.dimensions == "trimmed"]
    assert twice == ["excess", "slow_slow"], "what says the same is drawn once"
    carried = [entry.text for entry in view.told if "slow reworded" in entry.text]
    assert carried == [
        "Base, knowledge, slow – slow reworded: dimension 7 holds up to 50 % of the variance (stream 3); most of the fall at stream "
        "3 goes with it (0.990 instead of 0.430 without it at stream 3)."
    ]
