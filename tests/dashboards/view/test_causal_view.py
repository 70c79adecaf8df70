"""Does the view say of the interventions what the tables and the summary say, in sentences, lines, maps and single items?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic_run import write_synthetic_run

from strata.dashboards.view import build_view, validate_view
from strata.dashboards.view.causal import lines_of
from strata.dashboards.view.causal_items import segments
from strata.dashboards.view.causal_labels import measure_meta, order_measures
from strata.dashboards.view.schema_causal import Segment
from strata.dashboards.view.tables import Asked
from strata.experiments.results.locate_tables import CURVES, CurveRow

Json = dict[str, Any]


@pytest.fixture(scope="module")
def view(synthetic: Path) -> Json:
    return build_view(synthetic).as_json()


def _line(view: Json, **where: Any) -> Json:
    (line,) = [s for s in view["causal"]["lines"] if all(s[k] == v for k, v in where.items())]
    return dict(line)


def test_every_causal_number_is_the_tables(view: Json, synthetic: Path) -> None:
    names = ("instrument", "measure", "component", "kind", "family", "position")
    rows = [r for r in pq.read_table(synthetic / "curves.parquet").to_pylist() if r["axis"] == "block"]
    lines = {tuple(s[k] for k in names): s for s in view["causal"]["lines"]}
    assert len(rows) > 1000
    for row in rows:
        line = lines[tuple(row[k] for k in names)]
        for name in ("mean", "low", "high"):
            shown = line[name][row["layer"]]
            assert shown == (None if row[name] is None else pytest.approx(row[name], rel=1e-3, abs=1e-9))
    assert not any(s["axis"] == "block" for s in view["series"])


def test_a_run_without_interventions_is_not_run_and_never_zero(tmp_path: Path) -> None:
    view = build_view(write_synthetic_run(tmp_path / "run", without={"causal"})).as_json()
    validate_view(view)
    causal = view["causal"]
    assert causal["state"] == "not_run" and "No intervention ran" in causal["text"]
    assert causal["lines"] == causal["items"] == causal["groups"] == []
    assert view["localisation"]["state"] == "not_run" and view["localisation"]["choices"] == []
    assert all(k["place"] is None and k["located"] == "not looked for" for k in view["verdict"]["kinds"])
    assert not any(m["instrument"] in ("patching", "ablation") for m in view["maps"])


def test_positions_stand_in_prompt_order_and_replaced_ones_are_marked(view: Json) -> None:
    group = next(g for g in view["causal"]["groups"] if g["id"] == "kind:knowledge")
    assert group["positions"] == ["subject", "spans", "last", "all"]
    assert group["identity"] == ["subject", "spans", "all"]
    peak = group["peaks"]["denoise"]["mlp_out"]
    line = _line(
        view,
        instrument="patching",
        measure="denoise",
        component="mlp_out",
        kind="knowledge",
        family=None,
        position=peak["position"],
    )
    assert peak["value"] == max(v for v in line["mean"][1:] if v is not None) == line["mean"][peak["layer"]]
    low, high = view["causal"]["limits"]
    assert low == -high <= -1


def test_a_causal_cell_is_dimmed_exactly_where_its_interval_covers_zero_or_is_absent(view: Json) -> None:
    drawn = next(m for m in view["maps"] if m["id"] == "patching.denoise.spans")
    seen = set()
    for row in drawn["rows"]:
        for value, low, high, dim in zip(row["value"], row["low"], row["high"], row["dim"], strict=True):
            if value is not None:
                assert dim == int(low is None or low <= 0 <= high)
                seen.add(dim)
    assert seen == {0, 1}
    assert drawn["limits"][0] == -drawn["limits"][1]
    assert drawn["apart"] == [0]
    unanswered = next(r for r in drawn["rows"] if r["family"] == "drug_class")
    assert unanswered["n"] == 0 and unanswered["note"].startswith("not answered")


def test_single_items_come_with_both_prompts_cut_at_the_same_spans(view: Json, synthetic: Path) -> None:
    items = view["causal"]["items"]
    asked = {r["id"]: r for r in map(json.loads, (synthetic / "items.jsonl").read_text().splitlines())}
    mapped = [e["item"] for e in view["lens_index"]]
    assert 0 < len(items) <= 24
    assert [i["item"] for i in items if i["item"] in mapped] == [i["item"] for i in items][
        : len(set(mapped) & {i["item"] for i in items})
    ]
    rows = pq.read_table(synthetic / "profiles.parquet").to_pylist()
    for item in items:
        assert "".join(p["clean"] for p in item["segments"]) == asked[item["item"]]["prompt"]
        assert "".join(p["foil"] for p in item["segments"]) == asked[item["item"]]["foil_prompt"]
    first = items[0]
    for row in rows:
        if row["item"] == first["item"]:
            assert first["values"][row["measure"]][row["component"]][row["position"]][row["layer"]] == pytest.approx(
                row["value"], rel=1e-2, abs=1e-9
            )


def test_what_is_gained_at_a_block_is_the_first_measure_and_pooled_spans_have_one_name() -> None:
    assert order_measures("patching", ["denoise", "effect", "gained"]) == ["gained", "effect", "denoise"]
    rows = [
        CurveRow(instrument="patching", measure="gained", component="mlp_out", kind="knowledge", family=family, position=position,
                 axis="block", layer=0, mean=0.5, n_items=3, n_clusters=3, method="")
        for family, position in ((None, "span"), ("capital", "subject"), (None, "last"))
    ]  # fmt: skip
    assert {(line.family, line.position) for line in lines_of(rows, 1)} == {
        (None, "spans"),
        ("capital", "subject"),
        (None, "last"),
    }


def test_prompts_without_spans_are_one_piece_each() -> None:
    assert segments(Asked(prompt="a b", foil_prompt="a c")) == (Segment(name=None, clean="a b", foil="a c"),)
    nested = Asked(prompt="abcd", foil_prompt="abxd", spans={"all": (0, 4), "c": (2, 3)})
    assert [part.name for part in segments(nested)] == ["all"]


def test_pairs_that_were_not_intervened_on_are_counted_by_reason(view: Json, synthetic: Path) -> None:
    knowledge = next(p for p in view["causal"]["pairs"] if p["kind"] == "knowledge")
    families = json.loads((synthetic / "summary.json").read_text())["families"].values()
    assert knowledge["usable"] == sum(family["pairs"] for family in families if family["kind"] == "knowledge") > 0
    assert knowledge["excluded"] == [["not aligned token by token", 3], ["weak pair", 2]]


def test_measures_have_names_and_an_order() -> None:
    assert measure_meta("ablation", "mean").label == "Mean ablation: drop of the logit difference"
    assert measure_meta("damage", "zero").label == "Damage by zero ablation"
    assert measure_meta("patching", "another").label == "another"
    assert order_measures("ablation", ["zero", "another", "mean"]) == ["mean", "zero", "another"]


def test_a_run_of_the_first_rule_shows_what_a_run_of_today_measures_and_nothing_else(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", first_rule=True)
    shown = build_view(run).as_json()["causal"]
    rows = CURVES.read(pq.read_table(run / "curves.parquet").to_pylist())
    like = next(row for row in rows if row.instrument == "patching")
    only_then = [
        ("knockout", "window5"),
        ("attribution", "denoise"),
        ("patching", "random_donor"),
        ("ablation", "wrong.mean"),
    ]
    rows += [replace(like, instrument=instrument, measure=measure) for instrument, measure in only_then]
    pq.write_table(CURVES.of_rows(rows), run / "curves.parquet")
    profiles = pq.read_table(run / "profiles.parquet")
    more = profiles.slice(0, 1).set_column(2, "measure", pa.array(["random_donor"]))
    assert profiles.column_names[2] == "measure"
    pq.write_table(pa.concat_tables([profiles, more]), run / "profiles.parquet")
    assert build_view(run).as_json()["causal"] == shown
