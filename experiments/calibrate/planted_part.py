"""What is a planted part? Those heads or neurons of one block that do one thing for one family."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import PlainSerializer, PlainValidator

PartRole = Literal["makes", "recode", "series", "relay", "suppressor", "backup", "decoy"]
"""`makes` writes the answer; the others are the fields of a `FamilyPlan`."""
_ROLES: dict[str, PartRole] = {role: role for role in get_args(PartRole)}


class PlantedPart(NamedTuple):
    family: str
    role: PartRole
    block: int

    @property
    def name(self) -> str:
        """`emblem/makes/2`: in truth.json and in the record of a calibration."""
        return f"{self.family}/{self.role}/{self.block}"


def part_of_name(name: str) -> PlantedPart:
    """The part that has this name. Raises ValueError where none can have it."""
    family, role, block = name.rsplit("/", 2)
    if role not in _ROLES:
        raise ValueError(f"no planted part is called {name!r}")
    return PlantedPart(family, _ROLES[role], int(block))


def _checked(given: object) -> PlantedPart:
    return given if isinstance(given, PlantedPart) else part_of_name(str(given))


PartKey = Annotated[PlantedPart, PlainValidator(_checked), PlainSerializer(lambda part: part.name, return_type=str)]
"""A key of a mapping; in JSON its name."""
