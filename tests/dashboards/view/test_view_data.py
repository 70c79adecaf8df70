"""Does view.json say what the tables say, and nothing else?"""

from __future__ import annotations

import copy
import gzip
import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from synthetic_run import write_synthetic_run

from strata.dashboards.number_formats import number
from strata.dashboards.page import write_report
from strata.dashboards.view import build_report, build_view, validate_view
from strata.dashboards.view.lens import OTHER, LensMap, pack_maps
from strata.dashboards.visible_text import visible, without_paths
from strata.probes.errors import StrataError

Json = dict[str, Any]


@pytest.fixture(scope="module")
def view(synthetic: Path) -> Json:
    return build_view(synthetic).as_json()


def _told(verdict: Json) -> str:
    return " ".join(s["head"] + s["rest"] for s in verdict["sentences"])


def _rows(run: Path, name: str) -> list[Json]:
    rows: list[Json] = pq.read_table(run / f"{name}.parquet").to_pylist()
    return rows


def test_every_curve_number_is_the_tables(view: Json, synthetic: Path) -> None:
    table = {
        tuple(r[k] for k in ("instrument", "measure", "kind", "family", "target", "scheme", "position", "layer")): r
        for r in _rows(synthetic, "curves")
    }
    checked = 0
    for s in view["series"]:
        for i, layer in enumerate(s["layer"]):
            key = tuple(s[k] for k in ("instrument", "measure", "kind", "family", "target", "scheme", "position"))
            row = table[(*key, layer)]
            for name in ("mean", "low", "high"):
                assert s[name][i] == (None if row[name] is None else pytest.approx(row[name], rel=1e-4, abs=1e-12))
            checked += 1
    whole_kinds = [r for r in table.values() if r["family"] is None]
    assert checked >= len(whole_kinds) > 500


def test_behaviour_counts_only_what_the_model_saw(view: Json, synthetic: Path) -> None:
    by_family: dict[str, list[Json]] = defaultdict(list)
    for row in _rows(synthetic, "behaviour"):
        by_family[row["family"]].append(row)
    assert {r["family"] for r in view["behaviour"]["rows"]} == set(by_family)
    for shown in view["behaviour"]["rows"]:
        seen = [
            r["correct_by_likelihood"] for r in by_family[shown["family"]] if r["correct_by_likelihood"] is not None
        ]
        assert shown["accuracy"] == pytest.approx(np.mean(seen), rel=1e-4)
        assert shown["n"] == len(by_family[shown["family"]])
        assert shown["low"] == pytest.approx(max(0.0, np.mean(seen) - 0.2), rel=1e-3)
        # Half the items have choices, four each; whoever always says the commonest answer is right where that is asked.
        said = Counter(r["answer_token"] for r in by_family[shown["family"]] if r["chance_choice"] is not None)
        always = said.most_common(1)[0][1] / said.total()
        assert shown["choice_chance"] == pytest.approx(max(0.25, always), rel=1e-4), shown["family"]
    assert len({r["choice_chance"] for r in view["behaviour"]["rows"]}) > 1
    assert next(r for r in view["behaviour"]["rows"] if r["family"] == "currency")["likelihood_n"] == 7


def test_an_onset_interval_that_reaches_none_is_said_as_such(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", without={"causal"})
    summary = json.loads((run / "summary.json").read_text())
    summary["kinds"]["knowledge"]["instruments"]["probe"]["onset"]["interval"] = [5, None]
    summary["kinds"]["reasoning"]["instruments"]["probe"]["onset"] = None
    (run / "summary.json").write_text(json.dumps(summary))
    verdict = build_view(run).as_json()["verdict"]
    assert "[5–none]" in write_report(run).read_text()
    told = _told(verdict)
    assert "not looked for by the linear probe" in told and "None" not in told


def test_families_the_model_cannot_do_stay_everywhere(view: Json) -> None:
    unanswered = {r["family"] for r in view["behaviour"]["rows"] if r["word"] == "not answered"}
    assert unanswered == {"drug_class", "ordering"}
    for drawn in view["maps"]:
        notes = {r["family"]: r["note"] for r in drawn["rows"]}
        assert all(notes[f].endswith(", chance 0.38") for f in unanswered)
        assert all(
            notes[f].startswith("not answered: share answered right (4 by likelihood, 4 by choice) 0.")
            for f in unanswered
        )
    assert unanswered <= set(view["items"]["columns"]["family"])
    caveats = " ".join(c["text"] for c in view["verdict"]["caveats"])
    assert all(f in caveats for f in unanswered)


def test_a_cell_is_dimmed_exactly_where_its_interval_covers_the_baseline(view: Json, synthetic: Path) -> None:
    table: dict[tuple[Any, ...], Json] = {}
    for r in _rows(synthetic, "curves"):
        if r["family"] and r["instrument"] == "probe.linear" and r["target"] == "answer" and r["scheme"] == "cluster":
            table[r["family"], r["measure"], r["layer"]] = r
    drawn = next(m for m in view["maps"] if m["id"] == "probe.linear.accuracy")
    seen = set()
    for row in drawn["rows"]:
        for i, layer in enumerate(drawn["layers"]):
            accuracy = table[row["family"], "accuracy", layer]
            base = max(table[row["family"], m, layer]["mean"] for m in ("chance", "control_accuracy"))
            if abs(accuracy["low"] - base) < 1e-4 or abs(accuracy["high"] - base) < 1e-4:
                continue
            assert row["value"][i] == pytest.approx(accuracy["mean"] - base, abs=1e-4)
            assert bool(row["dim"][i]) == (accuracy["low"] <= base <= accuracy["high"])
            seen.add(row["dim"][i])
    assert seen == {0, 1}
    assert drawn["limits"][0] == -drawn["limits"][1]


def test_the_sentence_and_its_n_speak_of_the_same_items(synthetic: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(synthetic, tmp_path / "run"))
    view = build_view(run).as_json()
    summary = json.loads((run / "summary.json").read_text())
    for kind in view["verdict"]["kinds"]:
        of_kind = summary["kinds"][kind["kind"]]
        used = sum(r["used_items"] for r in view["behaviour"]["rows"] if r["kind"] == kind["kind"])
        assert kind["used"] == of_kind["used"] == used
        for onset in kind["onsets"]:
            assert onset["layer"] == of_kind["instruments"][onset["instrument"]]["onset"]["layer"]
            assert onset["n"] == used
            if kind["kind"] in ("knowledge", "reasoning"):
                assert f"from stream {onset['layer']}" in _told(view["verdict"])
        located = of_kind["located"]
        if located is not None and kind["kind"] in ("knowledge", "reasoning"):
            assert f"in {located['families']} of {located['of']} families" in _told(view["verdict"])
    assert view["verdict"]["word"] == summary["order"]["verdict"]


def test_an_onset_of_null_is_said_and_not_drawn_as_zero(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", without={"causal"})
    summary = json.loads((run / "summary.json").read_text())
    summary["kinds"]["knowledge"]["instruments"]["lens"]["onset"] |= {"layer": None, "depth": None, "interval": None}
    (run / "summary.json").write_text(json.dumps(summary))
    assert "readable at no stream" in _told(build_view(run).as_json()["verdict"])


@pytest.mark.parametrize(
    ("instrument", "stream", "words"),
    [("probe", 0, "decodable at stream 0 already"), ("lens", 3, "probe and lens contradict each other")],
)
def test_baselines_that_speak_against_the_sentence_become_caveats(
    synthetic: Path, tmp_path: Path, instrument: str, stream: int, words: str
) -> None:
    run = Path(shutil.copytree(synthetic, tmp_path / "run"))
    summary = json.loads((run / "summary.json").read_text())
    summary["kinds"]["knowledge"]["instruments"][instrument]["onset"]["layer"] = stream
    (run / "summary.json").write_text(json.dumps(summary))
    caveats = [c["text"] for c in build_view(run).as_json()["verdict"]["caveats"] if c["code"] == "contradiction"]
    assert any(words in text for text in caveats)
    if instrument == "probe":
        assert any("random weights" in text for text in caveats)


def test_limits_and_failed_self_tests_become_badges_and_caveats(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", limited=True)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["self_tests"][0]["passed"] = False
    (run / "manifest.json").write_text(json.dumps(manifest))
    view = build_view(run).as_json()
    assert {b["code"] for b in view["run"]["badges"]} == {"limited", "self_test"}
    assert {"limited", "self_test"} <= {c["code"] for c in view["verdict"]["caveats"]}


@pytest.mark.parametrize(
    "without", [{"probes", "tuned", "causal"}, {"curves", "lens_maps", "emergence", "locations", "format_check"}]
)
def test_absent_tables_are_not_run_and_never_zero(tmp_path: Path, without: set[str]) -> None:
    view = build_view(write_synthetic_run(tmp_path / "run", without=without)).as_json()
    validate_view(view)
    assert not any(s["instrument"] in ("probe.linear", "lens.tuned") for s in view["series"])
    if "lens_maps" in without:
        assert view["lens"]["state"] == view["emergence"]["state"] == "not_run"
        assert {e["state"] for e in view["items"]["columns"]["emergence"]} == {"not_run"}
    else:
        assert all(k["onsets"][0]["state"] == "not_run" for k in view["verdict"]["kinds"])
        assert "not looked for by the linear probe" in _told(view["verdict"])


@pytest.mark.parametrize(
    "name", ["manifest.json", "summary.json", "behaviour.parquet", "curves.parquet", "items.jsonl"]
)
def test_a_broken_file_is_named_in_one_sentence(synthetic: Path, tmp_path: Path, name: str) -> None:
    run = Path(shutil.copytree(synthetic, tmp_path / "run"))
    (run / name).write_bytes(b"{broken")
    with pytest.raises(StrataError, match=name):
        build_view(run).as_json()


def test_a_run_without_behaviour_is_refused_by_name(synthetic: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(synthetic, tmp_path / "run"))
    (run / "behaviour.parquet").unlink()
    with pytest.raises(StrataError, match=r"behaviour\.parquet"):
        build_view(run).as_json()
    with pytest.raises(StrataError, match="not a run directory"):
        build_view(tmp_path / "nowhere")


def test_lens_maps_survive_their_packing(synthetic: Path) -> None:
    report = build_report(synthetic)
    tensors = load_file(synthetic / "lens_maps.safetensors")
    words = json.loads((synthetic / "lens_maps.json").read_text())["vocabulary"]
    texts = [one.text for one in report.view.lens_vocabulary]
    for entry in report.view.as_json()["lens_index"]:
        raw = gzip.decompress(report.blobs[entry["key"]])
        planes = {}
        for a in entry["arrays"]:
            kind = {"u8": np.uint8, "u16": np.dtype("<u2")}[a["dtype"]]
            count = int(np.prod(a["shape"]))
            planes[a["name"]] = np.frombuffer(raw, kind, count, a["offset"]).reshape(a["shape"]) * a["step"]
        ids = tensors[f"{entry['key']}.top_ids"]
        decoded = np.vectorize(lambda i: texts[int(i)])(planes["top_ids"])
        assert (decoded == np.vectorize(lambda i: words[str(int(i))])(ids)).all()
        exact = np.minimum(-tensors[f"{entry['key']}.top_logprobs"], 12.75)
        assert np.abs(planes["top_nlp"] - exact).max() <= 0.025 + 1e-5
        assert (planes["answer_rank"] == np.minimum(tensors[f"{entry['key']}.answer_rank"], 65535)).all()


def test_more_tokens_than_two_bytes_can_name_fall_back_to_another_token() -> None:
    ids = np.arange(70_000, dtype=np.int32).reshape(10, 1400, 5)
    zeros = np.zeros((10, 1400), np.float32)
    big = LensMap(
        "k", "i", [" x"] * 1400, [0] * 1400, ids, -np.ones(ids.shape, np.float32), zeros, None, None, None, {}
    )
    (packed,), vocabulary = pack_maps([big])
    assert len(vocabulary) == OTHER + 1
    assert vocabulary[-1].text == "(another token)"
    assert packed.entry.n_tokens == 1400


def test_the_same_run_gives_the_same_bytes(synthetic: Path) -> None:
    first, second = build_report(synthetic), build_report(synthetic)
    assert first.view.model_dump_json() == second.view.model_dump_json()
    assert first.blobs == second.blobs


def test_thousands_of_items_are_thinned_but_mapped_ones_stay(synthetic: Path) -> None:
    from strata.dashboards.view.items import build_items
    from strata.dashboards.view.tables import read_run

    run = read_run(synthetic)
    mapped = {"copy-007": "m1", "addition-003": "m2"}
    items = build_items(run, mapped, max_rows=20)
    assert items.total == 88
    assert items.shown <= 20
    assert set(mapped) <= set(items.columns.item)
    assert len(set(items.columns.family)) >= 9


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "strata.view/3"),
        (("verdict", "word"), "certain"),
        (("series", 0, "mean"), "high"),
        (("run", "limited"), 1),
    ],
)
def test_the_schema_refuses_what_the_page_could_not_read(view: Json, path: tuple[Any, ...], value: object) -> None:
    broken: Any = copy.deepcopy(view)
    inner = broken
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(StrataError, match=r"strata\.view/2"):
        validate_view(broken)


@given(st.lists(st.from_regex(r"[a-z0-9_.-]{1,8}", fullmatch=True), min_size=2, max_size=5))
def test_no_absolute_path_is_left_in_a_text(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    cleaned = without_paths(f"--items {path} and '{path}'")
    assert path not in cleaned
    assert cleaned.count(parts[-1]) >= 1


def test_hub_names_and_addresses_are_no_paths() -> None:
    for text in ("org/name@rev", "https://example.org/a/b", "3/4 of 7", "answer/foil"):
        assert without_paths(text) == text


def test_a_zero_has_no_sign() -> None:
    assert [number(v) for v in (-0.001, -0.0, 0.0, -0.006)] == ["0.00", "0.00", "0.00", "−0.01"]


@given(st.text(max_size=20))
def test_nothing_invisible_is_left_in_a_token(text: str) -> None:
    shown = visible(text)
    assert shown != ""
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in shown)
    assert not shown.startswith(" ") and not shown.endswith(" ")
    assert not all(c.isspace() or category(c) == "Cf" for c in shown)


def test_a_text_of_other_blanks_alone_is_named_and_within_a_text_they_stay() -> None:
    assert [visible(text) for text in ("\u00a0", " \u2003\n", "\u200d \t")] == ["⟨U+00A0⟩", "␣⟨U+2003⟩⏎", "⟨U+200D⟩␣⇥"]
    assert visible("10\u00a0000") == "10\u00a0000"
