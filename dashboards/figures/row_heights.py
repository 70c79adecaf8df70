"""At which height does each cell stand in a panel of the stage map?"""

from __future__ import annotations

from strata.probes.interventions.cells import CELLS, Cell

ROWS: tuple[Cell, ...] = CELLS
"""From input to answer."""
TOPS: dict[Cell, float] = {"enrich": 0.0, "gather": 1.0, "move": 2.35, "work_out": 3.35}
"""Upper edges; a gap parts what stands at the replaced span from what stands at the last token: there the handover is drawn."""
LABEL = 0.17
"""Below the upper edge: the middle of a role's name."""
WHISKER = 0.36
"""Below the upper edge: the interval of a place."""
CELL = (0.44, 0.98)
"""Below the upper edge: the colours."""
HANDOVER = 2.19
BOTTOM = 4.42
