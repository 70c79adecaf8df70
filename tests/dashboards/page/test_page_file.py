"""Is report.html one safe file: small, closed to the network, deaf to hostile items, silent about this machine?"""

from __future__ import annotations

import html.parser
import json
import re
import shutil
from pathlib import Path

import plotly.offline
import pytest
from synthetic_run import write_synthetic_run

from strata.dashboards.page import render_lens_page, render_report, write_report
from strata.dashboards.page.assets import PLOTLY, asset, inline, inline_json
from strata.dashboards.page.vendor import ASSETS, SHA256, sha256
from strata.dashboards.view import build_report
from strata.dashboards.view.lens import read_lens_maps
from strata.dashboards.view.tables import read_run
from strata.experiments.results.answer_measures import BY_CHOICE
from strata.probes.errors import StrataError

SMALL = {"probes", "causal", "curves", "format_check", "locations", "emergence"}
"""Tables without which a page is small: where only its lens maps matter."""


@pytest.fixture(scope="module")
def page(report: Path) -> str:
    return report.read_text(encoding="utf-8")


class _Elements(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def _elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed(page)
    return parser.elements


def test_the_vendored_plotly_is_the_pinned_one_and_the_one_python_speaks() -> None:
    assert sha256((ASSETS / PLOTLY).read_bytes()) == SHA256
    assert f"v{plotly.offline.get_plotlyjs_version()}" in asset(PLOTLY)[:200]
    assert "MIT" in asset("plotly.LICENSE")


def test_the_page_stays_under_three_megabytes(page: str) -> None:
    assert 1_500_000 < len(page.encode()) < 3_000_000


def test_nothing_in_the_page_points_outside(page: str) -> None:
    for tag, attributes in _elements(page):
        for name in ("src", "href", "action", "srcset", "data"):
            value = attributes.get(name) or ""
            assert not re.match(r"(?i)\s*(https?:)?//", value), (tag, name, value)
    assert "@import" not in asset("page.css") and "url(" not in asset("page.css")


def test_the_policy_comes_before_anything_it_governs(page: str) -> None:
    policy = page.index("Content-Security-Policy")
    assert policy < page.index("<script") and policy < page.index("<style")
    assert "default-src 'none'" in page and "connect-src 'none'" in page
    assert "'self'" not in page[policy : policy + 400]


def test_hostile_items_come_out_as_text(page: str) -> None:
    tags = _elements(page)
    assert not [a for t, a in tags if t == "img"]
    assert not [a for _, a in tags if any(name.startswith("on") for name in a)]
    assert "<script>window.pwned" not in page
    assert "&lt;img src=x onerror" in page
    assert chr(0x202E) not in page and "\x00" not in page


def test_inlined_data_can_not_end_its_element() -> None:
    assert "<" not in inline_json({"a": "</script><!--"})
    assert json.loads(inline_json({"a": "</script>\x00"})) == {"a": "</script>\x00"}
    assert "</script" not in inline("x = '</script>'")


def test_the_page_names_neither_paths_nor_users_of_the_machine(page: str, report: Path) -> None:
    view = (report.parent / "view.json").read_text()
    for text in (page, view):
        assert "/home/someone" not in text and "someone" not in text
        assert str(report.parent) not in text


def test_the_shared_plotly_configuration_shuts_every_door() -> None:
    config = re.search(r"const CONFIG = \{(.*?)\};", asset("plots.js"))
    assert config is not None
    for setting in ("displaylogo: false", "showSendToCloud: false", "plotlyServerURL: ''"):
        assert setting in config.group(1)
    assert "fetch(" not in "".join(asset(p.name) for p in ASSETS.glob("*.js") if p.name != PLOTLY)


def test_maps_over_the_budget_go_to_side_files_from_the_end(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", n_maps=10, without=SMALL)
    whole = write_report(run).stat().st_size
    assert write_report(run, max_bytes=whole - 6_000).stat().st_size <= whole - 6_000
    view = json.loads((run / "view.json").read_text())
    out = [e for e in view["lens_index"] if not e["embedded"]]
    assert 0 < len(out) < len(view["lens_index"]) and not view["lens_read"]["embedded"], "read positions go first"
    beside = [Path(e["file"]).name for e in (*out, view["lens_read"])]
    assert sorted(p.name for p in (run / "report_assets").iterdir()) == sorted(beside)
    page = (run / "report.html").read_text()
    assert "'unsafe-inline' 'self'" in page
    write_report(run)
    assert not (run / "report_assets").exists()


def test_what_was_there_before_survives_a_failed_build(report: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(report.parent, tmp_path / "run"))
    before = report.read_bytes()
    (run / "curves.parquet").write_bytes(b"half a table")
    with pytest.raises(StrataError, match=r"curves\.parquet"):
        write_report(run)
    assert (run / "report.html").read_bytes() == before
    assert not list(run.glob("*.part"))


def test_the_same_run_gives_the_same_page(synthetic: Path) -> None:
    report = build_report(synthetic)
    assert render_report(report, "") == render_report(report, "")


def test_a_page_for_one_prompt_carries_its_tokens_and_facts(synthetic: Path) -> None:
    lens_map = read_lens_maps(read_run(synthetic))[0]
    page = render_lens_page(lens_map, model="/home/someone/models/m", facts=[("dtype", "float32")])
    assert "someone" not in page
    assert "&lt;think&gt;" in page and "<dd>float32</dd>" in page
    assert len(page.encode()) < 1_750_000


def test_what_a_kill_left_of_an_earlier_page_is_taken_away(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", hostile=False, without={"probes", "tuned", "format_check"})
    left = run / ".view.json.4194304.part"
    left.write_text("{")
    write_report(run)
    assert not left.exists() and not list(run.glob("*.part"))


def test_what_knowing_nothing_reaches_is_a_number_in_every_row_and_defined_once(page: str) -> None:
    section = page[page.index('<section id="behaviour"') :]
    section = section[: section.index("</section>")]
    assert section.count(BY_CHOICE.chance) == 1 and BY_CHOICE.chance in section[: section.index("<table")]
    rows = re.findall(r"chance ([^<]*)</small><small>accuracy by (choice|likelihood)", section)
    assert len(rows) > 10 and {by for _, by in rows} == {"choice", "likelihood"}
    assert {chance for chance, _ in rows if not re.fullmatch(r"[01]\.\d\d|½", chance)} == set()
