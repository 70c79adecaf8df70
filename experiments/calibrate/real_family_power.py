"""How many pairs does a real family need? It is measured once with all its pairs, and the rule is applied to subsets of them.

A real model's true places are unknown, so what all pairs say stands in for the truth: this is a measure of agreement, and
subsets share pairs with what they are compared with. Windows are those that the search with all pairs asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from pydantic import JsonValue, TypeAdapter

from strata.experiments.calibrate.pair_subsets import drawn_rows, subset_of
from strata.experiments.calibrate.resumed_rows import RESULTS, append_row, read_rows, row_as
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.builtin import chosen
from strata.experiments.items.jsonl import items_sha256
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.locate.causal.family_decision import (
    FamilyPairs,
    analyse,
    why_not_measured,
)
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.localisation import why_not
from strata.experiments.locate.causal.measure_family import LOOKS, Effort, measure_family
from strata.experiments.locate.causal.pair_selection import SelectedFamily, select_pairs
from strata.experiments.locate.config import LocateConfig
from strata.experiments.questions import questions_for
from strata.experiments.results.calibration import FamilyPower, PlaceOfAll, SubsetTally
from strata.experiments.results.families import FamilyResult, Place
from strata.experiments.run.controls import RunControls
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent

SUBSET_PAIRS = (8, 12, 18, 24)
SUBSETS = 20
"""Subsets drawn of each number of pairs."""
ANALYSIS_DRAWS = 200
"""Draws of entities in which the rule is redone, for every subset."""


def subsampled_power(  # nine parameters: the settings of a command, each with its default
    checkpoint: Checkpoint,
    directory: Path,
    *,
    families: Sequence[str] = (),
    items: Path | None = None,
    subset_pairs: Sequence[int] = SUBSET_PAIRS,
    subsets: int = SUBSETS,
    seed: int = 0,
    most_pairs: int = LOOKS[-1],
    progress: Progress = silent,
) -> list[FamilyPower]:
    """Power by number of pairs of the knowledge and reasoning families of a real model.

    `families`: built-in families, kinds or domains; empty: the default selection. `items`: a JSON Lines file instead. Every
    finished family is a line of `directory/results.jsonl` and isn't measured again. Raises StrataError for a name or a file that
    can't be asked.
    """
    names = (
        tuple(family.name for family in chosen(families) if family.kind in KNOWLEDGE_AND_REASONING)
        if items is None
        else ()
    )
    config = LocateConfig(families=names, seed=seed, positions=("last",), random_init=False, lens_maps=0)
    by_family: dict[tuple[Kind, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in questions_for(checkpoint, config, items).encoded:
        family = encoded_item.item.kind, encoded_item.item.family
        if family[0] in KNOWLEDGE_AND_REASONING and (items is None or not families or family[1] in families):
            by_family[family].append(encoded_item)
    settings: list[JsonValue] = [
        list(subset_pairs),
        subsets,
        seed,
        most_pairs,
        str(checkpoint.dtype),
        *checkpoint.identity.parts.values(),
    ]
    keys = {family: _key(family, members, settings) for family, members in by_family.items()}
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    known = read_rows(directory)
    waiting = [family for family in keys if keys[family] not in known]
    done = len(keys) - len(waiting)
    progress("subsampling", done, len(keys), "families")
    if waiting:
        selected = _selected(
            checkpoint, config, items, [item for family in waiting for item in by_family[family]], most_pairs, progress
        )
        with (directory / RESULTS).open("a", encoding="utf-8") as results:
            for of_family in selected:
                power = _of_family(checkpoint, of_family, subset_pairs, subsets, seed, most_pairs)
                key = keys[of_family.pairs.kind, of_family.pairs.name]
                known[key] = append_row(results, json.dumps({"key": key, **asdict(power)}))
                done += 1
                progress("subsampling", done, len(keys), "families")
    return [row_as(TypeAdapter(FamilyPower), known[key], directory) for key in keys.values()]


def _key(family: tuple[Kind, str], members: Sequence[EncodedItem], settings: Sequence[JsonValue]) -> str:
    described = json.dumps([*settings, *family, items_sha256([member.item for member in members])])
    return f"subsampled/{hashlib.sha256(described.encode()).hexdigest()[:16]}"


def _selected(
    checkpoint: Checkpoint,
    config: LocateConfig,
    items: Path | None,
    encoded: Sequence[EncodedItem],
    most_pairs: int,
    progress: Progress,
) -> list[SelectedFamily]:
    from strata.experiments.locate.pipeline import ask

    if items is None:
        config = replace(config, families=tuple(dict.fromkeys(encoded_item.item.family for encoded_item in encoded)))
    with TemporaryDirectory() as run:
        behaviour = ask(checkpoint, config, Path(run) / "run", items=items, controls=RunControls(progress=progress))
    reader = ModelReader(checkpoint, TorchHooks(checkpoint), progress=progress)
    return select_pairs(reader, encoded, behaviour, most=most_pairs, seed=config.seed)


def _of_family(
    checkpoint: Checkpoint,
    selected: SelectedFamily,
    subset_pairs: Sequence[int],
    subsets: int,
    seed: int,
    most_pairs: int,
) -> FamilyPower:
    family = selected.pairs
    described = family.name, family.kind, len(family.pairs), len(set(family.entities))
    why = why_not(selected, most_pairs)
    if why is not None:
        return FamilyPower(*described, None, why.code, ())
    measured = measure_family(checkpoint, family, effort=Effort(most_pairs, beside=False, all_pairs=True), seed=seed)
    result = analyse(family, measured, draws=ANALYSIS_DRAWS, seed=seed).result
    return FamilyPower(
        *described,
        None if result.place is None else _of_all(result.place),
        None if result.why_not_placed is None else result.why_not_placed.code,
        power_of(family, measured, result.place, subset_pairs=subset_pairs, subsets=subsets, seed=seed),
    )


def power_of(
    family: FamilyPairs,
    measured: FamilyMeasurements,
    place: Place | None,
    *,
    subset_pairs: Sequence[int] = SUBSET_PAIRS,
    subsets: int = SUBSETS,
    seed: int = 0,
) -> tuple[SubsetTally, ...]:
    """The rule on `subsets` subsets of each number of pairs that is less than all. `place`: what all pairs say."""
    tallies = []
    for n_pairs in subset_pairs:
        if n_pairs >= len(measured.keys):
            continue
        results = []
        for draw in range(subsets):
            rng = Random(f"{seed} {family.kind} {family.name} {n_pairs} {draw}")
            results.append(_of_subset(family, measured, drawn_rows(family.entities, n_pairs, rng), seed))
        tallies.append(_tally(n_pairs, results, place))
    return tuple(tallies)


def _of_subset(family: FamilyPairs, measured: FamilyMeasurements, rows: Sequence[int], seed: int) -> FamilyResult | str:
    """The result, or the code of why the rule isn't applied: its least numbers are those asked for where these are fewer."""
    fewer, of_fewer = subset_of(family, measured, rows)
    why = why_not_measured(fewer, len(rows))
    return why.code if why is not None else analyse(fewer, of_fewer, draws=ANALYSIS_DRAWS, seed=seed).result


def _tally(n_pairs: int, results: Sequence[FamilyResult | str], place: Place | None) -> SubsetTally:
    places = [result.place for result in results if not isinstance(result, str) and result.place is not None]
    same = [found for found in places if place is not None and _overlap(found, place)]
    elsewhere = Counter(str(found.cell) for found in places if not any(found is one for one in same))
    silent = Counter(_silence(result) for result in results if isinstance(result, str) or result.place is None)
    return SubsetTally(n_pairs, len(results), len(places), len(same), elsewhere.total(), dict(elsewhere), dict(silent))


def _overlap(one: Place, other: Place) -> bool:
    return one.cell == other.cell and one.first <= other.last and other.first <= one.last


def _silence(result: FamilyResult | str) -> str:
    if isinstance(result, str):
        return result
    assert result.why_not_placed is not None
    return result.why_not_placed.code


def _of_all(place: Place) -> PlaceOfAll:
    return PlaceOfAll(place.cell, place.first, place.last, place.interval, place.support)
