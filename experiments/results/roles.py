"""Which models does a comparison hold, and which two does each of its contrasts set against one another?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["base", "distilled", "control"]
ROLES: tuple[Role, ...] = get_args(Role)
"""In the order in which they are told."""
BASE: Role
DISTILLED: Role
CONTROL: Role
BASE, DISTILLED, CONTROL = ROLES
Contrast = Literal["change", "control_change", "difference_in_differences"]
CHANGES: Mapping[Contrast, tuple[Role, Role]] = {
    "change": (DISTILLED, BASE),
    "control_change": (CONTROL, BASE),
    "difference_in_differences": (DISTILLED, CONTROL),
}
"""Contrast: minuend and subtrahend. (distilled − base) − (control − base) is distilled − control, item by item."""
CLAIMED_ON: tuple[Contrast, ...] = ("change", "difference_in_differences")
"""The contrasts that a claim stands on; the second where there is a control model."""
