"""Every reasoning family: questions whose facts all stand in the prompt."""

from __future__ import annotations

from experiments.items.family import Family

FAMILIES: tuple[Family, ...] = ()
