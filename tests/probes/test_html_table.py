"""A result's table in a notebook: no number is shown as minus nothing, and foreign text stays text."""

from __future__ import annotations

import math

from strata.probes.html_table import by_layer


def test_what_rounds_to_nothing_has_no_sign() -> None:
    page = by_layer("effects", [0, 1, 2], ["<b>"], [[-0.004], [0.004], [-0.006]])
    assert "-0.00" not in page and page.count(">0.00<") == 2 and ">-0.01<" in page
    assert "<b>" not in page and by_layer("effects", [0], ["a"], [[math.nan]]).count("<td></td>") == 1
