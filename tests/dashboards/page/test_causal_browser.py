"""Do the causal views work in a real Chromium: the effect, damage beneath, three kinds of blank?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from open_pages import opened, settled, shown_with
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_report

pytestmark = pytest.mark.browser
FIGURE = "document.querySelector('#{}-panel .plot')"


def _names(tab: Any, panel: str) -> list[str]:
    names: list[str] = tab.evaluate(
        f"{FIGURE.format(panel)}.data.filter((t) => t.showlegend !== false && t.name).map((t) => t.name)"
    )
    return names


def test_the_effect_stands_first_with_its_pairs_counted(tab: Any) -> None:
    assert tab.locator("#measure").input_value() == "effect"
    assert "highest at block 3" in tab.locator("#curves-panel .plotbox").get_attribute("aria-label")
    tab.locator("#measure").select_option("denoise")
    settled(tab)
    assert "knowledge · n 22 pairs" in " | ".join(_names(tab, "curves"))
    assert "highest at block 3" in tab.locator("#curves-panel .plotbox").get_attribute("aria-label")


def test_ablation_has_its_damage_beneath_on_the_same_x_and_a_scale_of_its_own(tab: Any) -> None:
    tab.locator("#inst").select_option("ablation")
    tab.locator("#measure").select_option("mean")
    settled(tab)
    layout = tab.evaluate(
        f"(({{xaxis2, yaxis, yaxis2}}) => [xaxis2.matches, yaxis.domain, yaxis2.domain, yaxis2.overlaying || null])({FIGURE.format('curves')}._fullLayout)"
    )
    assert layout[0] == "x" and layout[2][1] < layout[1][0] and layout[3] is None
    assert any("damage on neutral text" in n for n in _names(tab, "curves"))


def test_the_map_tells_three_blanks_apart_and_marks_token_identity(tab: Any) -> None:
    tab.locator("#causal-panel").scroll_into_view_if_needed()
    tab.locator("#cmeasure").select_option("denoise")
    settled(tab)
    tools = tab.locator("#causal-panel .plot-tools")
    tools.get_by_text("Show as table").click()
    cells = tab.locator("#causal-panel .astable tbody").inner_text()
    assert "can not matter" in cells and "token identity, not counted" in cells
    tools.get_by_text("Hide table").click()
    zero, limits = tab.evaluate(
        f"((t) => [t.zmin + t.zmax, [t.zmin, t.zmax]])({FIGURE.format('causal')}.data.find((t) => t.type === 'heatmap' && t.showscale))"
    )
    assert zero == 0 and limits[1] >= 1
    ticks = tab.evaluate(f"{FIGURE.format('causal')}.data.find((t) => t.showscale).colorbar.ticktext")
    assert "1 = fully restored" in ticks
    tab.locator("#cmeasure").select_option("noise")
    settled(tab)
    tools.get_by_text("Show as table").click()
    assert "not run" in tab.locator("#causal-panel .astable tbody").inner_text()
    tools.get_by_text("Hide table").click()


def test_an_item_shows_its_two_prompts_aligned_and_the_link_restores_it(browser: Any, report: Path) -> None:
    wanted = (
        "cgroup=item%3Aaddition-001&cmeasure=noise&csite=mlp_out&inst=ablation&measure=zero&site=attn_out&theme=dark"
    )
    with opened(browser, report, wanted) as page:
        assert page.locator("#cgroup").input_value() == "item:addition-001"
        assert page.locator("#cmeasure").input_value() == "noise" and page.locator("#csite").input_value() == "mlp_out"
        assert page.locator("#inst").input_value() == "ablation" and page.locator("#site").input_value() == "attn_out"
        text = page.locator("#causal-head .pair").inner_text()
        assert "operand" in text and "addition-001" in text and "100-noitidda" in text
        assert "1 pair" in page.locator("#causal-panel .plotbox").get_attribute("aria-label")
        shown_with(page, "cgroup=item%3Anobody&cmeasure=zz&csite=9&site=%3Cb%3E&at=nowhere")
        assert page.locator("#cgroup").input_value() == "kind:knowledge"


def test_opening_an_item_of_the_table_opens_its_map_too(tab: Any) -> None:
    shown_with(tab)
    tab.locator("#search").fill("addition-001")
    tab.locator("#search").press("Enter")
    settled(tab)
    assert tab.locator("#cgroup").input_value() == "item:addition-001"


def test_a_run_without_interventions_says_not_run(browser: Any, without_interventions: Path) -> None:
    with opened(browser, without_interventions) as page:
        assert page.locator("#stages-panel [data-state=not_run]").count() == 1
        assert page.locator("#causal-panel [data-state=not_run]").count() == 1
        assert page.locator("#inst").input_value() == "probe.linear"
        assert "no intervention was made" in page.locator(".kinds").inner_text()
        page.locator("#inst").select_option("patching")
        page.wait_for_selector("#curves-panel [data-state=not_run]")
        box = page.locator("#curves-panel [data-state=not_run]")
        assert "strata locate" in box.locator("code").all_inner_texts() and "`" not in box.inner_text()


@pytest.mark.thorough
def test_a_quick_run_of_thirty_blocks_is_stamped_small_and_fits_a_narrow_window(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", quick=True, n_layers=30, items_per_family=2)
    page_file = write_report(run)
    assert page_file.stat().st_size < 4_000_000
    with opened(browser, page_file, viewport={"width": 800, "height": 900}) as page:
        assert page.locator(".verdict .stamp").inner_text() == "QUICK RUN"
        for theme in ("light", "dark"):
            shown_with(page, f"theme={theme}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.evaluate("dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'))")
            settled(page)
