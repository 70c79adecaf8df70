"""Which options do `strata.locate` and `strata.compare` take? Those of the terminal, with underscores for dashes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypedDict, TypeVar, cast, is_typeddict

from strata.dashboards.option_values import OptionValue
from strata.experiments.generated_answers.problems import Split
from strata.experiments.generated_answers.prompting import Prompting
from strata.experiments.items.framing import Framing
from strata.experiments.results.causal_map import CausalMap
from strata.probes.backend_choice import Remote
from strata.probes.errors import StrataError
from strata.probes.prompts.batching import require_batch_tokens


class OpeningOptions(TypedDict, total=False):
    """How models given as specs are opened; see `strata.open_checkpoint`."""

    dtype: str
    device: str
    device_map: str | None
    attention: str | None
    trust_remote_code: bool


class MeasuringOptions(TypedDict, total=False):
    """Fields of `LocateConfig`, where each is explained."""

    per_family: int
    difficulty: int | None
    limit: int | None
    framing: Framing
    positions: tuple[str, ...]
    lenses: tuple[str, ...]
    text: str | None
    random_init: bool
    folds: int
    draws: int
    lens_maps: int
    causal_map: CausalMap
    pairs: int
    damage_texts: int


class ComparingOptions(TypedDict, total=False):
    """Fields of `CompareConfig`, where each is explained."""

    swap_pairs: int
    swap_stride: int
    both_ways: bool
    crossed_positions: tuple[str, ...]
    transferred: int
    contrast_items: int
    behaviour: int
    generated: int
    generated_splits: tuple[Split, ...]
    generated_ways: tuple[Prompting, ...]
    generated_tokens: int
    generated_swap_parts: int
    temperature: float
    samples: int
    steered: int
    spectra: bool


class RunningOptions(TypedDict, total=False):
    """What decides no number."""

    batch_tokens: int | None
    keep_activations: bool


class BackendOptions(TypedDict, total=False):
    """Through which library the model is run."""

    backend: str
    """torch, transformer_lens or nnsight."""
    remote: Remote
    """With nnsight: True runs on NDIF's servers, "local" rehearses that in this process."""


class LocateOptions(OpeningOptions, MeasuringOptions, RunningOptions, BackendOptions, total=False):
    """All options of `strata.locate` beside its own parameters."""


class CompareOptions(OpeningOptions, MeasuringOptions, ComparingOptions, RunningOptions, total=False):
    """All options of `strata.compare` beside its own parameters."""

    one_at_a_time: bool
    distilled_seeds: tuple[str, ...]
    """Checkpoints of the same training with other seeds, asked items and problems only."""
    control_seeds: tuple[str, ...]
    """The control's."""


class FamilyOptions(TypedDict, total=False):
    """Names of families, kinds and domains; from Python they are `items`."""

    families: tuple[str, ...]


Part = TypeVar(
    "Part", FamilyOptions, BackendOptions, OpeningOptions, MeasuringOptions, ComparingOptions, RunningOptions
)
_ELSEWHERE = {
    "families": "Give their names as items: items=['capital', 'addition']",
    "items_file": "Give its path as items",
    "config": "Give its fields one by one",
}
"""What people may try, and what to write instead."""


def checked_options(function: str, given: LocateOptions | CompareOptions, known: type) -> dict[str, OptionValue]:
    """`given`, one text made a tuple of one where several may stand. Raises StrataError for a name that `known` lacks."""
    assert is_typeddict(known)
    names = known.__annotations__
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Choose among: {', '.join(sorted(names))}"
            raise StrataError(f"strata.{function} has no option {name!r}", _ELSEWHERE.get(name, hint))
    require_batch_tokens(given.get("batch_tokens"))
    return {
        name: (value,) if isinstance(value, str) and "tuple" in str(names[name]) else cast("OptionValue", value)
        for name, value in given.items()
    }


def part(options: Mapping[str, OptionValue], known: type[Part]) -> Part:
    """The options that belong to `known`."""
    assert is_typeddict(known)
    return cast("Part", {name: value for name, value in options.items() if name in known.__annotations__})
