"""Is a planted part read back from its name, and is what names none refused?"""

from __future__ import annotations

import pytest

from strata.experiments.calibrate.planted_part import PlantedPart, part_of_name


def test_a_part_is_read_back_from_its_name_whatever_its_family_is_called() -> None:
    for part in (PlantedPart("emblem", "makes", 2), PlantedPart("plus/minus", "backup", 11)):
        assert part_of_name(part.name) == part


@pytest.mark.parametrize("name", ["emblem", "emblem/writes/2", "emblem/makes/x"])
def test_what_names_no_part_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        part_of_name(name)
