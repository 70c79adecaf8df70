"""Every control family: the answer stands in the prompt, matched to a knowledge or reasoning partner."""

from __future__ import annotations

from experiments.items.family import Family

FAMILIES: tuple[Family, ...] = ()
