"""What says which lens maps a run keeps is held against itself when it is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from strata.experiments.results.lens_maps import ReadMaps

PROMPT = {"item": "i4", "at": {"last": 3}, "tokens": {"last": " is"}, "token_ids": {"last": 7}}


def test_a_prompt_with_all_that_belongs_to_its_positions_is_read() -> None:
    assert ReadMaps.model_validate({"positions": ["last"], "items": [PROMPT]}).items[0].at == {"last": 3}


@pytest.mark.parametrize(
    "changed", [{"at": {"": 3}}, {"at": {"subject": 3}}, {"tokens": {}}, {"token_ids": {"first": 7}}]
)
def test_a_position_without_a_column_a_token_or_its_id_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="'i4' has positions without"):
        ReadMaps.model_validate({"positions": ["last"], "items": [PROMPT | changed]})
