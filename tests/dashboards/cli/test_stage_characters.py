"""Do the signs of a terminal say what the numbers say, at every width and depth, and without colours too?"""

from __future__ import annotations

import io
import math

import pytest
from rich.cells import cell_len
from synthetic_localisation import localisation

from strata.dashboards.cli.interval_bars import BAR, LINE, VALUE, ZERO, interval_bar
from strata.dashboards.cli.stage_characters import AGAINST, HEIGHTS, IDENTITY, NAMED, PLACED, print_stage_maps
from strata.dashboards.cli.terminal import PlainConsole
from strata.dashboards.view.stage_panels import Panel, kind_panels
from strata.experiments.results.estimates import Estimated

NAMES = len("work_out ")


def printed(width: int, panels: list[list[Panel]], n_layers: int) -> list[str]:
    out = io.StringIO()
    print_stage_maps(PlainConsole(out, width=width), panels, n_layers)
    return out.getvalue().splitlines()


def only(panel: Panel, n_layers: int, width: int = 200) -> dict[str, str]:
    """The row of each cell of a panel printed alone, and beneath `move` and `work_out` the marks of places."""
    lines = printed(width, [[panel]], n_layers)
    rows: dict[str, str] = {}
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        name = line[:NAMES].strip()
        if name in panel.cells:
            rows[name] = line[NAMES:]
            rows[f"beneath {name}"] = after[NAMES:] if set(after.strip()) <= {NAMED, PLACED} else ""
    return rows


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("n_layers", [1, 5, 30, 80])
def test_no_line_is_wider_than_the_terminal_and_every_cell_has_its_effect(width: int, n_layers: int) -> None:
    panels = kind_panels(localisation(n_layers))
    lines = printed(width, panels, n_layers)
    assert max(map(cell_len, lines)) <= width
    for panel in (panel for row in panels for panel in row):
        for cell, of_cell in panel.cells.items():
            assert of_cell.effect is not None
            assert any(line.startswith(cell) and f"{of_cell.effect.value:.2f}" in line for line in lines), cell


def test_thirty_blocks_stand_beside_their_control_in_eighty_columns() -> None:
    lines = printed(80, kind_panels(localisation(30)), 30)
    assert sum("Knowledge" in line and "Control" in line for line in lines) == 1
    assert not any("blocks)" in line for line in lines), "a sign a block"


def test_the_tallest_sign_and_the_marks_stand_where_the_numbers_say() -> None:
    found = localisation(30)
    panel = kind_panels(found)[0][0]
    rows = only(panel, 30)
    for cell, of_cell in panel.cells.items():
        gains = [gain or 0.0 for gain in of_cell.profile]
        if cell in ("enrich", "gather"):
            assert rows[cell][0] == IDENTITY
            gains[0] = 0.0
        heights = [HEIGHTS.find(sign) for sign in rows[cell][:30]]
        assert heights[gains.index(max(gains))] == max(heights) >= 0
        assert [sign == AGAINST for sign in rows[cell][:30]] == [gain <= -0.02 for gain in gains]
        # Taller never means less.
        known = sorted((gain, height) for gain, height in zip(gains, heights, strict=True) if height >= 0)
        assert [height for _, height in known] == sorted(height for _, height in known)
    located = found.kinds["knowledge"].located
    assert located is not None and located.cell == "move"
    named = [place for place, sign in enumerate(rows["beneath move"]) if sign == NAMED]
    assert named == list(range(located.first, located.last + 1))


def test_blocks_that_share_a_sign_are_added_up() -> None:
    panel = kind_panels(localisation(80))[1][0]
    signs = 40 - NAMES - 5
    row = only(panel, 80, width=40)["work_out"][:signs]
    gains = [gain or 0.0 for gain in panel.cells["work_out"].profile]
    summed = [sum(gains[block] for block in range(80) if block * signs // 80 == sign) for sign in range(signs)]
    assert HEIGHTS.find(row[summed.index(max(summed))]) == max(map(HEIGHTS.find, row))
    assert math.isclose(sum(summed), sum(gains))


def test_a_run_without_interventions_prints_nothing() -> None:
    assert printed(80, [[Panel("Knowledge", "", empty="none")]], 12) == []


@pytest.mark.parametrize(
    ("value", "low", "high", "bar"),
    [(0.2, 0.1, 0.3, (27, 40)), (-0.2, -0.4, 0.0, (0, 20)), (0.0, -0.05, 0.05, (10, 30))],
)
def test_a_bar_reaches_from_the_lower_to_the_upper_end(
    value: float, low: float, high: float, bar: tuple[int, int]
) -> None:
    shown = interval_bar(Estimated(value=value, low=low, high=high), points=True)
    assert shown is not None
    signs = str(shown)[7:48]
    inside = [place for place, sign in enumerate(signs) if sign != LINE and (sign != ZERO or bar[0] <= 20 <= bar[1])]
    assert (inside[0], inside[-1]) == bar and signs.count(VALUE) == 1 and BAR in signs
    assert signs[20] in (ZERO, VALUE)
    assert interval_bar(Estimated(value=value), points=True) is None
