"""Does the stage map work in a real Chromium: kinds and single families, both themes, by link, as a table, on paper?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from open_pages import colliding_texts, opened, settled, shown_with
from synthetic_run import write_synthetic_run

from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.page import write_report

pytestmark = pytest.mark.browser
PLOT = "document.querySelector('#stages-panel .plot')"


def _titles(tab: Any) -> list[str]:
    found: list[str] = tab.evaluate(f"{PLOT}.layout.annotations.map((a) => a.text).filter((t) => /^<b>/.test(t))")
    return found


def test_the_map_of_kinds_stands_right_below_the_sentences(tab: Any) -> None:
    assert tab.evaluate("document.querySelector('.verdict').nextElementSibling.id") == "stages"
    titles = " ".join(_titles(tab))
    for words in (
        "Knowledge",
        "Reasoning",
        "the fact stated in the prompt",
        "the result stated in the prompt",
        "makes: blocks 5–7",
    ):
        assert words in titles
    ticks = tab.locator(
        "#stages-panel .xtick, #stages-panel .ytick, #stages-panel [class*=xtick], #stages-panel [class*=ytick]"
    ).count()
    assert 0 < ticks <= 180, "each label is counted at most twice: 90 in all"
    assert tab.locator("#stages-panel .plotbox").get_attribute("aria-label").startswith("Knowledge answers are made by")


def test_the_first_screen_says_what_is_found_what_stands_against_it_and_where_to_look(
    browser: Any, report: Path
) -> None:
    with opened(browser, report, viewport={"width": 1280, "height": 720}) as page:
        assert page.locator("#stages-panel .plot").bounding_box()["y"] < 500, "most of the first map is seen"
        verdict = json.loads((report.parent / "view.json").read_text())["verdict"]
        shown = page.locator(".short-caveats a")
        assert shown.count() == len({caveat["code"] for caveat in verdict["caveats"]}) > 1
        for link in shown.all():
            assert page.locator(link.get_attribute("href")).count() == 1, "each is a click from what it rests on"
        look = page.locator(".look a").first
        item = look.inner_text()
        look.click()
        settled(page)
        asked = parse_qs(page.evaluate("location.hash.slice(1)"))
        assert asked["item"] == [item] and {"lo", "hi"} <= set(asked)
        assert (
            " of the logit difference between answer and foil is gained there" in page.locator(".looked").inner_text()
        ), "it says why it is looked at"
        assert page.locator("#lens-panel .lensmeta", has_text="Prompt:").is_visible(), "its prompt stands there"
        drawn = page.evaluate("document.querySelector('#lens-panel .plot').layout.shapes.at(-1)")
        named = page.evaluate(
            "document.querySelector('#lens-panel .plot').layout.annotations.map(({ text, x }) => [text, x])"
        )
        at = "last" if asked["cell"][0] in ("move", "work_out") else "subject"
        (column,) = {x for text, x in named if at in text}
        assert [drawn["y0"], drawn["y1"]] == [int(asked["lo"][0]) - 0.5, int(asked["hi"][0]) + 1.5], (
            "from what is read to what is written"
        )
        assert [drawn["x0"], drawn["x1"]] == [column - 0.5, column + 0.5], "at the token where they act"
        page.wait_for_function("Math.abs(document.getElementById('lens').getBoundingClientRect().top) < 200")


def test_a_family_is_chosen_by_the_list_and_restored_by_the_link(tab: Any) -> None:
    shown_with(tab)
    tab.locator("#stage").select_option("family:capital")
    settled(tab)
    titles = " ".join(_titles(tab))
    assert "<b>capital</b>" in titles and "control: capital_stated" in titles and "<b>makes</b>" in titles
    roles = tab.evaluate(f"{PLOT}.layout.annotations.map((a) => a.text)")
    assert {"prepares", "relays"} <= set(roles)
    assert "stage=family%3Acapital" in tab.evaluate("location.hash")
    assert shown_with(tab, "stage=family%3Anobody").locator("#stage").input_value() == "kinds"
    assert shown_with(tab, "stage=family%3Acapital&theme=dark").locator("#stage").input_value() == "family:capital"


def test_a_name_in_the_table_opens_the_familys_map_and_keeps_the_rest(tab: Any) -> None:
    shown_with(tab, "inst=probe.linear")
    tab.locator(".madeby a", has_text="currency").focus()
    tab.keyboard.press("Enter")
    settled(tab)
    assert tab.locator("#stage").input_value() == "family:currency"
    assert tab.locator("#family").input_value() == "currency", "its items are listed"
    assert tab.locator("#inst").input_value() == "probe.linear"
    assert tab.locator(".madeby a", has_text="drug_class").count() == 0, "it has no map"


def test_the_theme_recolours_everything(tab: Any) -> None:
    shown_with(tab, "theme=dark")
    figure = tab.evaluate(f"JSON.stringify([{PLOT}.data, {PLOT}.layout])").lower()
    assert PALETTES["dark"].text in figure and PALETTES["dark"].diverging[4] in figure
    for colour in (PALETTES["light"].text, PALETTES["light"].card, PALETTES["light"].diverging[4]):
        assert colour not in figure


def test_the_numbers_can_be_taken_as_a_table(tab: Any) -> None:
    shown_with(tab)
    tools = tab.locator("#stages-panel .plot-tools")
    tools.get_by_text("Show as table").click()
    rows = tab.locator("#stages-panel .astable tbody tr")
    assert rows.count() == 4 * 4 * 12, "panels, cells, blocks"
    assert "enrich" in rows.first.inner_text() and "0.58 [0.51, 0.65]" in rows.first.inner_text()
    tools.get_by_text("Hide table").click()


@pytest.mark.parametrize("page", ["report", pytest.param("comparison", marks=pytest.mark.thorough)])
def test_no_text_of_the_map_runs_into_another_or_off_the_figure(
    browser: Any, request: pytest.FixtureRequest, page: str
) -> None:
    with opened(browser, request.getfixturevalue(page), viewport={"width": 1400, "height": 900}) as tab:
        for width in (1400, 1080, 800, 660, 375):
            tab.set_viewport_size({"width": width, "height": 900})
            for choice in tab.locator("#stage option").evaluate_all("(all) => all.slice(0, 2).map((one) => one.value)"):
                tab.locator("#stage").select_option(choice)
                settled(tab)
                tab.wait_for_timeout(250)  # figures follow the window with a delay
                assert colliding_texts(tab.locator("#stages-panel .plot")) == [], (width, choice)


@pytest.mark.parametrize("n_layers", [1, pytest.param(80, marks=pytest.mark.thorough)])
def test_it_fits_a_narrow_window_and_paper(browser: Any, tmp_path: Path, n_layers: int) -> None:
    """The stage map alone: other figures have tests of their own."""
    rest = {"probes", "lens", "lens_maps", "emergence", "locations", "format_check"}
    run = write_synthetic_run(tmp_path / "run", n_layers=n_layers, items_per_family=2, without=rest)
    with opened(browser, write_report(run), "theme=dark", viewport={"width": 800, "height": 900}) as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#stages-panel .plot .main-svg").first.bounding_box()["width"] <= 650
        assert page.evaluate(f"{PLOT}.layout.font.color") == PALETTES["light"].text, "on paper every theme is light"
        page.emulate_media(media="screen")
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        settled(page)


@pytest.mark.thorough
def test_with_the_withdrawn_rule_there_is_none(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "first", first_rule=True, n_maps=0)
    with opened(browser, write_report(run)) as page:
        assert page.locator("#stages").count() == 0
        assert "made by the first rule, which is withdrawn" in page.locator(".sentence").first.inner_text()
        assert page.locator("#curves-panel .plot").count() == 1
