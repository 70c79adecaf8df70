"""Does a page stay a page whatever a stranger's items hold: a name of 100,000 letters, an item of 10,000, controls, other directions?"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from campaign.hostile_names import LOCATED, renamed
from open_pages import opened, settled, shown_with
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_report
from strata.dashboards.sentences.shown_names import LONGEST, shown_name

pytestmark = pytest.mark.browser
ENDLESS = "<b>&amp;" * 12_500
"""A family name of 100,000 letters."""
LONG = (
    f"{chr(0x202E)}=1+1\x00\x07\x1b[31m 😀 العربية </s> </script><img src=x onerror=window.pwned=1> " + "long " * 2_000
)
"""Text of an item, more than 10,000 letters."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("hostile")
    plain = write_synthetic_run(directory / "plain", hostile=False, without={"probes", "tuned", "format_check"})
    run = renamed(plain, directory / "run", LOCATED["family"], ENDLESS)
    lines = [json.loads(line) for line in (run / "items.jsonl").read_text().splitlines()]
    lines[0] |= {"prompt": LONG, "spans": {}, "foil_spans": {}}
    (run / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = renamed(run, directory / "again", LOCATED["answer_token"], LONG)
    spec = json.loads((run / "manifest.json").read_text())["checkpoint"]["spec"]
    return write_report(renamed(run, directory / "called", spec, "a\x00b\x1b[31m\x7f\uffffc"))


@pytest.mark.parametrize("width", [1400, 800])
def test_nothing_runs_breaks_or_widens(browser: Any, page: Path, width: int) -> None:
    with opened(browser, page, viewport={"width": width, "height": 900}) as tab:
        assert tab.evaluate("window.pwned") is None and tab.locator("main img").count() == 0
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        names = tab.evaluate(
            "JSON.parse(document.getElementById('view').textContent).behaviour.rows.map((r) => r.family.length)"
        )
        assert max(names) <= LONGEST and len(tab.title()) < 200
        shown_with(tab, "lo=1&hi=5&ikind=knowledge")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_is_one_although_the_model_is_called_by_controls(browser: Any, page: Path, tmp_path: Path) -> None:
    with opened(browser, page, "view=curves", accept_downloads=True) as tab:
        with tab.expect_download() as waiting:
            tab.locator("#curves-panel .plot-tools").get_by_text("PNG", exact=True).click()
        waiting.value.save_as(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_table_that_is_taken_away_holds_the_texts_cell_by_cell(browser: Any, page: Path, tmp_path: Path) -> None:
    with opened(browser, page, "q=pwned", accept_downloads=True) as tab:
        settled(tab)
        with tab.expect_download() as waiting:
            tab.locator("#pager").get_by_text("CSV").click()
        waiting.value.save_as(tmp_path / "items.csv")
    head, *rows = csv.reader(io.StringIO((tmp_path / "items.csv").read_text(encoding="utf-8"), newline=""))
    assert rows and {len(row) for row in rows} == {len(head)}
    answers = {row[head.index("answer")] for row in rows}
    assert answers == {shown_name(LONG)}, (
        "the text as it is up to where it is cut, zero bytes and direction marks included"
    )
    assert {row[head.index("family")] for row in rows} >= {shown_name(ENDLESS)}
