"""Does the view of a comparison say what its tables say, and why where they say nothing?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from synthetic_comparison import view_of, write_synthetic_comparison

from strata.dashboards.sentences.comparison import verdict_sentences
from strata.dashboards.sentences.comparison_reasons import why_not_compared
from strata.dashboards.view.comparison.schema import ComparisonView
from strata.dashboards.visible_text import path_free
from strata.experiments.results.comparison import Comparison
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNotCompared
from strata.probes.errors import StrataError

Json = dict[str, Any]


@pytest.fixture(scope="module")
def run(comparison_run: Path) -> Path:
    return comparison_run


@pytest.fixture(scope="module")
def view(run: Path) -> Json:
    return view_of(run)


def _rows(run: Path, name: str) -> list[Json]:
    rows: list[Json] = pq.read_table(run / f"{name}.parquet").to_pylist()
    return rows


def _is_drawn(row: Json) -> bool:
    """Excluded families are bands of another line; without dominant dimensions there is no second one; of attention the excess is drawn."""
    planted = [
        {"contrast": "distilled", "measure": "cka", "kind": "reasoning", "position": "last"},
        {"model": "base", "kind": "reasoning", "contrast": "excess"},
    ]
    carried = any(all(row.get(name) == value for name, value in pattern.items()) for pattern in planted)
    if row.get("site") == "attention" and row["contrast"] != "excess":
        return False
    return row.get("excluded") is None and (row.get("dimensions") != "trimmed" or carried)


@pytest.mark.parametrize(
    ("part", "key", "layer", "columns"),
    [
        ("changes", ("contrast", "instrument", "measure", "position", "component", "kind"), "layer",
         {"mean": "difference", "low": "low", "high": "high", "before": "before", "after": "after"}),
        ("crossed", ("contrast", "component", "position", "kind"), "layer", {"mean": "value", "low": "low", "high": "high"}),
        ("similarity", ("contrast", "measure", "kind", "position", "dimensions"), "stream", {"mean": "value", "low": "low", "high": "high"}),
        ("contrasts", ("model", "kind", "site", "contrast", "dimensions"), "stream", {"mean": "value", "low": "low", "high": "high"}),
        ("transfer", ("contrast", "kind", "family", "direction", "measure"), "stream", {"mean": "value", "majority": "majority"}),
    ],
)  # fmt: skip
def test_every_number_of_a_line_is_the_tables(
    view: Json, run: Path, part: str, key: tuple[str, ...], layer: str, columns: dict[str, str]
) -> None:
    table: dict[tuple[Any, ...], list[Json]] = {}
    drawn = [row for row in _rows(run, part) if _is_drawn(row)]
    for row in drawn:
        table.setdefault((*(row[name] for name in key), row[layer]), []).append(row)
    checked = 0
    for line in (*view[part]["lines"], *view[part].get("attention_lines", ())):
        for i, at in enumerate(line["layer"]):
            rows = table[(*(line[name] for name in key), at)]
            if "direction" in line and "direction" not in key:
                rows = [r for r in rows if (r["direction"] == "into base") == (line["direction"] == "into_base")]
            (row,) = rows
            for name, column in columns.items():
                assert line[name][i] == pytest.approx(row[column], rel=1e-4, abs=1e-12)
            assert (line["n"][i], line["n_clusters"]) == (row["n_items"], row["n_clusters"])
            checked += 1
    assert checked == sum(row[layer] is not None for row in drawn) > 0


def test_layer_swaps_keep_score_and_recovery_apart_in_both_directions(view: Json, run: Path) -> None:
    rows = [
        row for name in ("layer_swaps", "generated_layer_swaps") for row in _rows(run, name) if row["layer"] is not None
    ]
    for score, column in (("value", "value"), ("recovery", "recovery")):
        lines = [line for line in view["layer_swaps"]["lines"] if line["score"] == score]
        assert sum(len(line["layer"]) for line in lines) == sum(row[column] is not None for row in rows)
    into = next(
        line for line in view["layer_swaps"]["lines"]
        if (line["contrast"], line["direction"], line["sweep"], line["kind"], line["measure"], line["score"])
        == ("distilled", "out_of_base", "single", "reasoning", "accuracy", "recovery")
    )  # fmt: skip
    assert into["mean"] == [float(layer == 9) for layer in range(12)]
    assert not [
        line for line in view["layer_swaps"]["lines"] if line["contrast"] == "random" and line["score"] == "recovery"
    ]


def test_layer_swaps_asked_to_generate_stand_among_the_layer_swaps(view: Json, run: Path) -> None:
    lines = [line for line in view["layer_swaps"]["lines"] if line["measure"] == "generated"]
    table = pq.read_table(run / "generated_layer_swaps.parquet").to_pylist()
    assert {(line["sweep"], line["score"]) for line in lines} == {
        (sweep, score) for sweep in ("prefix", "suffix") for score in ("value", "recovery")
    }
    for line in lines:
        of_sweep = sorted((r for r in table if r["sweep"] == line["sweep"]), key=lambda r: r["layer"])
        assert line["layer"] == [r["layer"] for r in of_sweep]
        assert line["mean"] == pytest.approx([r[line["score"]] for r in of_sweep])
    assert view["layer_swaps"]["scores"]["generated"]["unit"] == "share of problems"
    assert sum(entry["measure"] == "generated" for entry in view["layer_swaps"]["whole"]) == 2


def test_profiles_stand_beside_their_ceiling_and_one_reading_an_instrument_is_shown(view: Json) -> None:
    rows = view["likeness"]
    assert {row["instrument"] for row in rows} == {"Logit lens", "Activation patching", "Ablation"}
    assert len(rows) == 3 * 4
    for row in rows:
        assert set(row["contrasts"]) == {"change", "control_change", "difference_in_differences"}
        change = row["contrasts"]["change"]
        if row["kind"] == "composite":
            assert change["between"] is None and change["reason"] == "3 clusters carry both profiles"
        else:
            assert (change["between"], change["ceiling"], change["n_clusters"]) == (0.41, 0.86, 12)


def test_cells_are_dimmed_exactly_where_the_interval_covers_zero(view: Json) -> None:
    seen = set()
    for line in view["changes"]["lines"]:
        for low, high, dim in zip(line["low"], line["high"], line["dim"], strict=True):
            assert dim == (not (low > 0 or high < 0))
            seen.add(dim)
    assert seen == {0, 1}
    description = next(
        line["aria"] for line in view["changes"]["lines"]
        if (line["contrast"], line["instrument"], line["measure"], line["kind"]) == ("change", "patching", "denoise", "reasoning")
    )  # fmt: skip
    assert "leaves 0 out at blocks 8–9" in description


def test_models_share_one_colour_range_and_differences_another(view: Json) -> None:
    for reading in view["changes"]["readings"]:
        lines = [
            line for line in view["changes"]["lines"]
            if all(line[name] == reading[name] for name in ("instrument", "measure", "position"))
        ]  # fmt: skip
        values = [v for line in lines for name in ("before", "after") for v in line[name]]
        assert reading["change_limits"][0] == -reading["change_limits"][1]
        if reading["sequential"]:
            assert reading["limits"] == [min(values), max(values)]
        else:
            assert reading["clipped"] < len(values) / 50 and reading["limits"][0] == -reading["limits"][1]


def test_the_verdict_is_the_runs_and_every_caveat_stands_beside_it(view: Json, run: Path) -> None:
    summary = json.loads((run / "comparison.json").read_text())
    typed = Comparison.model_validate(summary)
    assert view["verdict"]["sentences"] == [path_free(sentence) for sentence in verdict_sentences(typed)]
    assert view["verdict"]["word"] == summary["verdict"]["hypothesis"]
    texts = " ".join(caveat["text"] for caveat in view["verdict"]["caveats"])
    assert "Whether base is the base of control: not the base." in texts
    assert "Base: two families are not answered." in texts and "/home/someone" not in json.dumps(view)


def test_without_a_control_the_page_says_what_that_costs(tmp_path: Path) -> None:
    view = view_of(write_synthetic_comparison(tmp_path / "run", control=False))
    assert [caveat["code"] for caveat in view["verdict"]["caveats"]].count("control") == 1
    assert {line["contrast"] for line in view["changes"]["lines"]} == {"change"}
    assert all(
        row["estimates"]["difference_in_differences"] is None
        for kind in view["answers"]["kinds"]
        for row in kind["measures"]
    )


def test_what_is_empty_says_why(tmp_path: Path) -> None:
    empty = {
        "layer_swaps",
        "generated_layer_swaps",
        "crossed",
        "similarity",
        "contrasts",
        "transfer",
        "weights",
        "changes",
        "generated",
    }
    view = view_of(write_synthetic_comparison(tmp_path / "run", without=empty))
    for name in empty - {"generated", "generated_layer_swaps"}:
        assert view[name]["state"] != "ok" and view[name]["text"].endswith((".", ")"))
    assert view["similarity"]["state"] == "incomparable" and "8 dimensions" in view["similarity"]["text"]
    assert view["answers"]["generated_text"] == "no generated answers were asked for."


def test_a_recovery_that_is_absent_has_its_reason(tmp_path: Path) -> None:
    view = view_of(write_synthetic_comparison(tmp_path / "run", without={"recovery", "generated_layer_swaps"}))
    assert not [line for line in view["layer_swaps"]["lines"] if line["score"] == "recovery"]
    assert {reason["text"] for reason in view["layer_swaps"]["reasons"]} == {
        "the two models differ by 0.02, less than 0.1"
    }
    assert any(line["score"] == "value" for line in view["layer_swaps"]["lines"])


def test_contrasts_that_are_absent_have_their_reason(comparison_run: Path, tmp_path: Path, view: Json) -> None:
    assert [reason["text"] for reason in view["contrasts"]["reasons"]] == [
        "3 items can be asked behind every instruction, and 8 are needed"
    ]
    run = Path(shutil.copytree(comparison_run, tmp_path / "run"))
    manifest = json.loads((run / "control" / "manifest.json").read_text())
    manifest["checkpoint"]["n_layers"] = 7
    (run / "control" / "manifest.json").write_text(json.dumps(manifest))
    other = view_of(run)["contrasts"]
    assert {line["model"] for line in other["lines"]} == {"base", "distilled"}
    assert "it has 7 blocks, the base 12" in other["reasons"][-1]["text"]
    excluded = view_of(write_synthetic_comparison(tmp_path / "none", without={"contrasts"}))["contrasts"]
    assert excluded["state"] == "not_run" and "--contrast-items 0" in excluded["text"]


def test_a_broken_view_is_named(view: Json) -> None:
    with pytest.raises(ValidationError, match=r"verdict\.word"):
        ComparisonView.model_validate({**view, "verdict": {**view["verdict"], "word": "sure"}})
    assert ComparisonView.model_validate(view).model_dump(mode="json") == view


@pytest.mark.parametrize(
    ("name", "text"), [("comparison.json", "{"), ("families.json", "{}"), ("changes.parquet", "half")]
)
def test_a_broken_file_is_named(comparison_run: Path, tmp_path: Path, name: str, text: str) -> None:
    run = Path(shutil.copytree(comparison_run, tmp_path / "run"))
    (run / name).write_text(text)
    with pytest.raises(StrataError, match=name.replace(".", r"\.")):
        view_of(run)


def test_layer_swaps_that_are_excluded_alone_say_why(tmp_path: Path) -> None:
    """Cross-model patches are there: the page must not tell that no layer swaps were asked for."""
    run = write_synthetic_comparison(tmp_path / "run", without={"layer_swaps", "generated_layer_swaps"})
    summary = json.loads((run / "comparison.json").read_text())
    needs_both = WhyNotCompared(code="needs-both")
    summary["not_comparable"] = [
        ExcludedPart(part="layer-swaps", model="distilled", why=needs_both).model_dump(mode="json"),
        ExcludedPart(
            part="generated-layer-swaps",
            model="control",
            why=WhyNotCompared(code="refused", said="its context is short"),
        ).model_dump(mode="json"),
    ]
    (run / "comparison.json").write_text(json.dumps(summary))
    view = view_of(run)
    assert view["layer_swaps"]["state"] == "incomparable" and "--swap-pairs" not in view["layer_swaps"]["text"]
    assert (
        why_not_compared(needs_both) in view["layer_swaps"]["text"]
        and "control: its context is short" in view["layer_swaps"]["text"]
    )
    assert view["crossed"]["state"] == "ok"


def test_cells_and_places_stand_in_words_on_shared_pairs_and_else_on_own_ones(view: Json) -> None:
    cells = view["cells"]
    by_family = {row["family"]: row for row in cells["families"] if row["role"] == "distilled"}
    assert by_family["addition"]["verdict"] == "the same place" and by_family["addition"]["pairs"] == "18 shared"
    assert by_family["capital"]["verdict"] == "elsewhere, p = 0.020"
    assert by_family["currency"]["pairs"] == "own only: too few pairs that both models answer"
    assert by_family["addition"]["answered"] == "20 / 5 / 1 / 4"
    assert [row["family"] for row in cells["changed"]] == ["addition", "addition"], "of both models"
    assert any("beyond the control" in sentence for sentence in cells["sentences"])


def test_format_stands_apart_from_content_measure_by_measure(view: Json) -> None:
    kinds = {entry["kind"]: entry for entry in view["format"]}
    assert set(kinds) == set(view["labels"]["kinds"])
    rows = {row["name"]: row for row in kinds["knowledge"]["measures"]}
    assert rows["answer_logprob"]["format"]["value"] == pytest.approx(0.62) and rows["answer_logprob"]["why"] == ""
    assert rows["accuracy"]["format"] is None and rows["accuracy"]["why"] == "no drop is shown"
    assert "distilled: behind an empty think block and after answered examples" in rows["accuracy"]["chosen"]
    assert [row["estimates"]["distilled"]["value"] for row in kinds["knowledge"]["opening"]] == [0.9] * 3


def test_each_item_tells_what_became_of_it(view: Json) -> None:
    table = view["items"]
    assert table["became"] == ["lost", "format", "gained", "kept"] and table["counts"] == dict.fromkeys(
        table["became"], 1
    )
    assert table["right"]["base"] == [True, True, False, True] and table["other_ways"]["distilled"][1] is True
    assert set(table["map"]) == {"base", "distilled", "control"} and table["change"] == [0.0] * 4


def test_problems_stand_by_family_with_what_every_model_wrote(view: Json) -> None:
    (family,) = view["problems"]
    assert (family["family"], family["right"]) == ("modular", {"base": "0 of 3", "distilled": "3 of 3"})
    assert [problem["changed"] for problem in family["asked"]] == [True] * 3
    written = family["asked"][0]["written"]["base"]
    assert written["answer"] == "" and written["why"] == "never closes its think block" and not written["right"]
    longest = family["asked"][2]["written"]["base"]["text"]
    assert len(longest) < 750 and " […] " in longest
    assert view["answers"]["generated_fixed"].startswith(
        "distilled is asked the question alone, as it was trained; base and control"
    )
    assert len(view["verdict"]["numbers"]) == 3 and view["verdict"]["headline"].endswith(".")
