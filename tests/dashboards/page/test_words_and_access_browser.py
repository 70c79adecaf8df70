"""Is every word explained by pointer and by keys, and does axe find nothing in either theme?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from open_pages import COLOURS, opened, settled, shown_with, violations
from synthetic_probe import write_synthetic_probe

from strata.dashboards.page import write_probe_report
from strata.dashboards.sentences.glossary import GLOSSARY

pytestmark = pytest.mark.browser


PAGES = ("locate", pytest.param("compare", marks=pytest.mark.thorough), "probe")


@pytest.fixture(params=PAGES)
def page_of(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A page of `locate`, `compare` or `probe`, and what stands in the address while it is looked at."""
    if request.param == "probe":
        return "", write_probe_report(write_synthetic_probe(tmp_path / "run"))
    looked_at = {"locate": "lo=2&hi=6&q=a", "compare": "became=all&lo=3&hi=9"}[request.param]
    return looked_at, request.getfixturevalue({"locate": "report", "compare": "comparison"}[request.param])


def test_axe_finds_nothing_in_light_and_dark(browser: Any, page_of: tuple[str, Path]) -> None:
    looked_at, page = page_of
    with opened(browser, page, f"theme=light&{looked_at}", bypass_csp=True) as tab:
        tab.locator("#main .astable").first.evaluate(
            "(table) => table.parentElement.querySelector('[aria-expanded]').click()"
        )
        tab.locator("#glossary summary").click()
        tab.locator(".term").first.focus()
        assert violations(tab) == []
        shown_with(tab, f"theme=dark&{looked_at}")
        assert violations(tab, COLOURS) == []


def test_a_word_is_explained_by_pointer_and_by_keys(tab: Any) -> None:
    shown_with(tab)
    term = tab.locator("#stages-caption .term", has_text="effect").first
    tip = tab.locator("#tip")
    means = next(term.means for term in GLOSSARY if term.id == "effect")
    term.hover()
    assert tip.is_visible() and means in tip.inner_text()
    tip.hover()
    assert tip.is_visible(), "the pointer may rest on it"
    tab.keyboard.press("Escape")
    assert not tip.is_visible()
    term.focus()
    assert tip.is_visible() and tab.locator(f"#{term.get_attribute('aria-describedby')}").text_content() == means
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.classList.contains('term')"), "the next word is one step on"


def test_words_of_captions_that_change_are_marked_too_once_a_section(tab: Any) -> None:
    shown_with(tab, "inst=ablation")
    terms = tab.evaluate("[...document.querySelectorAll('#curves .term')].map((t) => t.dataset.term)")
    assert "ablation" in terms and len(set(terms)) == len(terms)
    shown_with(tab, "inst=lens.logit")
    terms = tab.evaluate("[...document.querySelectorAll('#curves .term')].map((t) => t.dataset.term)")
    assert "logit-lens" in terms and "ablation" not in terms
    assert tab.locator("main .token .term, main bdi .term, main .plot .term").count() == 0, "only words of ours"


def marked(tab: Any) -> list[tuple[str, str, str]]:
    """Every word that is explained: its term, its section, and what stands around it."""
    found: list[list[str]] = tab.evaluate(
        "[...document.querySelectorAll('main .term')].map((t) => [t.dataset.term, t.closest('section').id || 'verdict', t.parentElement.textContent])"
    )
    return [(term, section, around) for term, section, around in found]


def test_everyday_words_small_print_heads_of_tables_and_settings_are_not_marked(tab: Any, comparison_tab: Any) -> None:
    only_in = {term.id: term.only_in for term in GLOSSARY}
    for page, everyday in (
        (tab, ("Attribution: rank correlation", "that move the intervals")),
        (comparison_tab, ("every kind of matrix", "Rank correlation", "between halves of the entities")),
    ):
        shown_with(page)
        text, words = page.locator("main").text_content(), marked(page)
        assert len(words) > 40 and all(around in text for around in everyday)
        assert page.locator("main :is(.fine, th, dl) .term").count() == 0
        assert [(term, section) for term, section, _ in words if only_in[term] and section not in only_in[term]] == []


def test_a_map_that_has_no_pointer_is_read_by_keys(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab)
    for view in ("stages", "layermap", "weights"):
        tab.locator(f"#{view}-panel .plotkeys").focus()
        for key in ("Home", "ArrowRight", "ArrowDown", "ArrowUp"):
            tab.keyboard.press(key)
        read = tab.locator(f"#{view}-panel .cellsays").inner_text()
        assert "block 1" in read and "<" not in read, view
    settled(tab)
