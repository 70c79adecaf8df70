"""Which steps to its answer does a row bring? A list of them, or a text that says one after the other."""

from __future__ import annotations

import re
from typing import Any

from strata.experiments.items.chain_steps import StepEnd, steps_in
from strata.experiments.items.importing.mapping_section import Section, Texts
from strata.experiments.items.importing.usable_values import UnusableRowError, plain_text, written
from strata.probes.errors import StrataError


class StepsSpec(Section):
    """The `[steps]` table: what stands between question and answer in the data, kept as the item's `steps`."""

    field: str = ""
    """Field with a list of steps, or with a text that holds them."""
    end: StepEnd = "line"
    """Where a step of a text ends: `comma`, `line` or `sentence`."""
    before: str = ""
    """Of a text, only what stands before the first of these marks."""
    without: Texts = ()
    """What stands between these two marks is no part of a step: `["<<", ">>"]`."""


def check_steps(name: str, spec: StepsSpec) -> None:
    """Raises StrataError for a table that can't be read so; `name`: the mapping's."""
    if not spec.field and spec != StepsSpec():
        raise StrataError(f"{name}: [steps] names no field", 'Write field = "solution"')
    if spec.without and (len(spec.without) != 2 or not all(spec.without)):
        raise StrataError(f"{name}: [steps] without must be two marks", 'Write without = ["<<", ">>"]')


def steps_of(value: Any, spec: StepsSpec, *, as_text: bool = False) -> list[str]:
    """The steps that the value of `spec.field` holds, in order. `as_text`: a text is no list that it writes.

    Raises UnusableRowError for what is neither list nor text.
    """
    listed = written(value) if isinstance(value, str) and not as_text else value
    if isinstance(listed, list | tuple):
        steps = [plain_text(step, spec.field) for step in listed]
    elif isinstance(value, str):
        steps = list(steps_in(value.split(spec.before)[0] if spec.before else value, spec.end))
    else:
        raise UnusableRowError(f"the steps in {spec.field!r} are neither a list nor a text")
    if spec.without:
        opening, closing = map(re.escape, spec.without)
        steps = [re.sub(rf"{opening}.*?{closing}", "", step) for step in steps]
    return [step.strip() for step in steps if step.strip()]
