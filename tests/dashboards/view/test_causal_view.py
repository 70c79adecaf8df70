"""Does the view say of the interventions what the tables and the summary say, in sentences, lines, maps and single items?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_report
from strata.dashboards.view import build_view, validate_view
from strata.dashboards.view.causal_items import segments
from strata.dashboards.view.causal_labels import measure_meta, order_measures, split_window
from strata.dashboards.view.causes import intermediates_words, order_words

Json = dict[str, Any]


@pytest.fixture(scope="module")
def view(synthetic: Path) -> Json:
    return build_view(synthetic)


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


def test_located_kinds_are_said_with_interval_p_and_n_and_the_others_with_their_reason(view: Json) -> None:
    sentence = view["verdict"]["sentence"]
    n = next(k["used"] for k in view["verdict"]["kinds"] if k["kind"] == "knowledge")
    assert "Retrieval is located at block 3 [2–4] (mlp_out), depth 0.29 [0.25, 0.34], p < 0.001" in sentence
    assert f"n = {n} pairs in {n - 2} clusters" in sentence
    assert "Order: retrieval-first, depth of reasoning − retrieval 0.33 [0.27, 0.39], p < 0.001." in sentence
    assert "the controls explain 8 % of it" in sentence
    composite = next(k for k in view["verdict"]["kinds"] if k["kind"] == "composite")
    assert composite["located"] == "not located: its pairs fall into 7 clusters, 8 are needed"
    assert view["verdict"]["word"] == "retrieval-first"


def test_an_undetermined_order_gives_no_number_and_its_reason() -> None:
    text = order_words({"difference": None, "verdict": "undetermined", "reason": "knowledge is not located"}, {})
    assert text == "Order: undetermined (knowledge is not located)."
    number = {
        "difference": -0.6,
        "interval": [-0.9, 0.0],
        "p": 0.3,
        "verdict": "undetermined",
        "reason": "knowledge is not located",
    }
    assert "0.6" not in order_words(number, {"knowledge": {"layer": 3}, "reasoning": None})
    both = {"knowledge": {"layer": 3}, "reasoning": {"layer": 5}}
    raw = {"difference": 0.2, "verdict": "together", "raw": {"difference": 0.1}, "explained_by_controls": -1.0}
    assert "explain none of it" in order_words(raw, both)
    assert "has the other sign" in order_words(raw | {"explained_by_controls": 5.4}, both)
    assert "not located" in intermediates_words({"reason": "the bridge is not located"})
    assert intermediates_words(None) == ""


def test_a_kind_that_is_not_located_says_why_in_the_sentence(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", quick=True)
    summary = json.loads((run / "summary.json").read_text())
    summary["kinds"]["knowledge"] |= {
        "located": None,
        "why_not_located": "activation patching singles out block 3, ablation block 9",
    }
    (run / "summary.json").write_text(json.dumps(summary))
    view = build_view(run)
    assert view["verdict"]["sentence"].startswith(
        "Retrieval is not located: activation patching singles out block 3, ablation block 9;"
    )
    assert "quick" in {b["code"] for b in view["run"]["badges"]}
    assert view["verdict"]["caveats"][0]["code"] == "quick"


def test_what_was_not_looked_for_is_not_called_not_located_and_its_reason_stands_once(tmp_path: Path) -> None:
    """As in a run with --causal-map none, or of a model that can't be restarted."""
    run = write_synthetic_run(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    why = "No intervention was made (--causal-map none): what is decodable or readable need not be used"
    for kind in summary["kinds"].values():
        kind |= {"located": None, "sought": False, "why_not_located": why}
    summary["order"] = {"difference": None, "verdict": "undetermined", "reason": why}
    (run / "summary.json").write_text(json.dumps(summary))
    verdict = build_view(run)["verdict"]
    assert verdict["sentence"].startswith(f"Retrieval and reasoning were not looked for: {why}. Order: undetermined. ")
    assert verdict["sentence"].count("No intervention") == 1 and "not located" not in verdict["sentence"]
    assert verdict["kinds"][0]["located"] == f"not looked for: {why}"
    page = write_report(run).read_text()
    assert "<b>not located</b>" not in page and '(<span class="option">--causal-map</span> none)' in page


def test_a_run_without_interventions_is_not_run_and_never_zero(tmp_path: Path) -> None:
    view = build_view(write_synthetic_run(tmp_path / "run", without={"causal"}))
    validate_view(view)
    causal = view["causal"]
    assert causal["state"] == "not_run" and "No intervention ran" in causal["text"]
    assert causal["lines"] == causal["items"] == causal["groups"] == causal["pairs"] == []
    assert all(k["cause"] is None and k["located"] == "not tested" for k in view["verdict"]["kinds"])
    assert not any(m["instrument"] in ("patching", "ablation") for m in view["maps"])


def test_positions_stand_in_prompt_order_and_replaced_ones_are_marked(view: Json) -> None:
    group = next(g for g in view["causal"]["groups"] if g["id"] == "kind:knowledge")
    assert group["positions"] == ["subject", "spans", "last", "all"]
    assert group["identity"] == ["subject", "spans", "all"]
    peak = group["peaks"]["excess"]["mlp_out"]
    line = _line(
        view,
        instrument="patching",
        measure="excess",
        component="mlp_out",
        kind="knowledge",
        family=None,
        position=peak["position"],
    )
    assert peak["value"] == max(v for v in line["mean"][1:] if v is not None) == line["mean"][peak["layer"]]
    low, high = view["causal"]["limits"]
    assert low == -high <= -1


def test_a_causal_cell_is_dimmed_exactly_where_its_interval_covers_zero_or_is_absent(view: Json) -> None:
    drawn = next(m for m in view["maps"] if m["id"] == "patching.excess.spans")
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


def test_prompts_without_spans_are_one_piece_each() -> None:
    assert segments({"prompt": "a b", "foil_prompt": "a c"}) == [{"name": None, "clean": "a b", "foil": "a c"}]
    nested = {"prompt": "abcd", "foil_prompt": "abxd", "spans": {"all": [0, 4], "c": [2, 3]}}
    assert [p["name"] for p in segments(nested)] == ["all"]


def test_pairs_excluded_are_counted_by_reason_and_families_show_q(view: Json) -> None:
    knowledge = next(p for p in view["causal"]["pairs"] if p["kind"] == "knowledge")
    assert knowledge["excluded"] == [["not aligned token by token", 3], ["weak pair", 2]]
    causes = next(r for r in view["behaviour"]["rows"] if r["family"] == "capital")["causes"]
    assert causes["patching"]["q"] == 0.011 and causes["ablation"]["layer"] == 3
    assert view["causal"]["attribution"][0]["correlation"] == 0.91


def test_windows_and_methods_have_names() -> None:
    assert split_window("denoise.window3") == ("denoise", 3)
    assert split_window("window5") == ("", 5)
    assert split_window("mean") == ("mean", 1)
    assert "windows of 3 blocks" in measure_meta("patching", "denoise.window3")["label"]
    assert measure_meta("ablation", "specific.mean")["method"] == "mean"
    assert order_measures("patching", ["denoise.window3", "random_donor", "denoise"]) == [
        "denoise",
        "random_donor",
        "denoise.window3",
    ]
