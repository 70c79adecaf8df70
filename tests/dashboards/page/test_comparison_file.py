"""Is the page of a comparison one safe file, told in full without JavaScript, and rebuilt only from tables that belong together?"""

from __future__ import annotations

import argparse
import html.parser
import json
import re
import shutil
from pathlib import Path

import pytest
from synthetic_comparison import HOSTILE, body_of, view_of, write_synthetic_comparison

from strata.dashboards.cli import verb_report
from strata.dashboards.page import write_comparison
from strata.probes.errors import StrataError


@pytest.fixture(scope="module")
def page(comparison: Path) -> str:
    return comparison.read_text(encoding="utf-8")


def copied(run: Path, to: Path) -> Path:
    """One that may be changed."""
    return Path(shutil.copytree(run, to))


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.silent = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.text += data


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader


def test_it_is_small_and_points_nowhere_but_to_its_models_runs(page: str) -> None:
    assert 1_500_000 < len(page.encode()) < 3_000_000
    links = []
    for _, attributes in _read(page).tags:
        for name in ("src", "href", "action", "srcset", "data"):
            value = attributes.get(name) or ""
            assert not re.match(r"(?i)\s*(https?:|file:)?//|\s*/", value), (name, value)
            links += [value] if value.endswith(".html") else []
    assert set(links) == {f"{role}/report.html" for role in ("base", "distilled", "control")}
    assert "someone" not in page


def test_hostile_texts_come_out_as_text(page: str) -> None:
    reader = _read(page)
    assert not [tag for tag, _ in reader.tags if tag == "img"]
    assert HOSTILE in reader.text  # a family
    assert reader.text.count("window.pwned=1") >= 6  # also a reason of the pair check and a warning


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        (("weights", "weights"), "Judged by the weights of the two checkpoints"),
        (("names", "names"), "Judged by the names of the two checkpoints alone"),
        (("weights", "names"), "Each judged by what stands under its verdict"),
        (("weights", ""), "Each judged by what stands under its verdict"),
        (("", ""), "Every model has a page"),
    ],
)
def test_above_the_pair_check_stands_what_it_was_judged_by(
    comparison_run: Path, tmp_path: Path, by: tuple[str, str], sentence: str
) -> None:
    run = copied(comparison_run, tmp_path / "run")
    checks = json.loads((run / "pair_check.json").read_text())
    for check, judged_by in zip(checks.values(), by, strict=True):
        check["judged_by"] = judged_by or None
    (run / "pair_check.json").write_text(json.dumps(checks))
    text = _read(body_of(run)).text
    assert sentence in text
    assert ("Judged by the weights" in text) == (by == ("weights", "weights"))


def test_without_javascript_it_tells_verdict_answers_pairs_and_locations(page: str, comparison: Path) -> None:
    text = re.sub(r"\s+", " ", _read(page).text)
    for sentence in json.loads((comparison.parent / "view.json").read_text())["verdict"]["sentences"]:
        assert sentence in text
    for words in (
        "layer-split hypothesis: undetermined", "Its base is another-model.", "families that were never trained on", "3 × never closes its think block",
        "+25.0", "[17.0, 33.0]", "attention at the last token (move), blocks 4–6 [3, 7], depth 0.42", "not located in control", "unchanged", "4 families placed in both",
        "the two models do not differ enough on these items", "only the MLP lines and the layer swaps say where the change is",
        "Every measure could be made of every model.",
        "How alike are the profiles over layers?", "0.41[0.86]", "3 clusters carry both profiles",
    ):  # fmt: skip
        assert words in text, words


def test_what_was_excluded_is_listed_with_its_reason(tmp_path: Path) -> None:
    body = body_of(write_synthetic_comparison(tmp_path / "run", without={"similarity", "generated"}))
    text = _read(body).text
    steering = body[body.index('<section id="steering"') : body.index('<section id="incomparable"')]
    assert 'class="state state-notrun"' in steering and "Nothing was steered." in steering
    assert "similarity of streams and probe transfer" in text and "its streams have 8 dimensions" in text
    assert "no generated answers were asked for" in text


def test_readings_over_the_budget_stay_in_the_table_and_the_page_says_so(comparison: Path, tmp_path: Path) -> None:
    run = copied(comparison.parent, tmp_path / "run")
    whole = comparison.stat().st_size
    page = write_comparison(run, max_bytes=whole - 3_000)
    view = json.loads((run / "view.json").read_text())
    assert page.stat().st_size <= whole - 3_000
    excluded = view["sizes"]["readings_excluded"]
    assert excluded > 0 and f"{excluded} readings stay in changes.parquet" in page.read_text()
    assert {"denoise", "answer_logprob"} <= {reading["measure"] for reading in view["changes"]["readings"]}


def _report(run: Path, url: str | None = None) -> int:
    return verb_report.run(
        argparse.Namespace(run=str(run), json=True, figures=None, only=[], url=url, display="none"), []
    )


@pytest.mark.thorough
def test_report_rebuilds_the_comparison_and_the_pages_of_its_models(
    plain_comparison_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = copied(plain_comparison_run, tmp_path / "run")
    assert _report(run, url="https://example.org/demo") == 0
    assert json.loads(capfd.readouterr().out)["report"] == str(run / "report.html")
    roles = ("base", "distilled", "control")
    for directory, address in ((run, ""), *((run / role, f"{role}/") for role in roles)):
        whole = (directory / "report.html").read_text()
        assert whole.startswith("<!doctype html>")
        assert f'property="og:image" content="https://example.org/demo/{address}preview.png"' in whole
        assert (directory / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert "layer-split hypothesis" in (run / "report.html").read_text()
    model = _read((run / "distilled" / "report.html").read_text())
    beside = [tag["href"] for name, tag in model.tags if name == "a" and (tag.get("href") or "").startswith("../")]
    assert beside == ["../base/report.html", "../control/report.html", "../report.html"]


def test_report_refuses_tables_of_another_run_and_an_unfinished_comparison(
    plain_comparison_run: Path, tmp_path: Path
) -> None:
    run, other = (copied(plain_comparison_run, tmp_path / name) for name in ("run", "other"))
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"run_id": "another"}))
    with pytest.raises(StrataError, match=r"changes\.parquet belongs to another run"):
        _report(run)
    models = {role: {"weights_sha256": "00"} for role in ("base", "distilled", "control")}
    (run / "manifest.json").write_text(json.dumps(manifest | {"config": {"models": models}}))
    with pytest.raises(StrataError, match="about other models"):
        _report(run)
    (other / "comparison.json").unlink()
    with pytest.raises(StrataError, match="not finished"):
        _report(other)


def test_families_whose_probes_are_read_behind_a_fed_start_are_named(page: str) -> None:
    assert "<li>addition: answer and foil of 9 items begin alike; probes are read behind no more of it" in page


def test_a_place_that_was_not_looked_for_is_not_called_not_located(plain_comparison_run: Path, tmp_path: Path) -> None:
    run = copied(plain_comparison_run, tmp_path / "run")
    summary = json.loads((run / "comparison.json").read_text())
    for kind in summary["kinds"].values():
        kind["located"] = dict.fromkeys(kind["located"])
    (run / "comparison.json").write_text(json.dumps(summary))
    for role in summary["models"]:
        manifest = run / role / "manifest.json"
        known = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**known, "config": {**known.get("config", {}), "causal_map": "none"}}))
    locations = view_of(run)["locations"]
    assert {place for row in locations["rows"] for place in (row["base"], row["after"])} == {"not looked for"}
    assert locations["orders"] == []
