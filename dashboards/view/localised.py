"""What the interventions of a run say, typed: read out of summary.json, which holds more than that by family and by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from strata.experiments.results.families import FamilyResult
from strata.experiments.results.kinds import Hypothesis, KindLocalisation, Localisation, Order
from strata.experiments.run.first_schema import SCHEMA as FIRST_SCHEMA
from strata.probes.errors import StrataError

Json = dict[str, Any]
FIRST_RULE = (
    "The places of this run were made by the first rule, which is withdrawn, and aren't shown: start its command again with "
    "another --out. Answers, curves and lens maps stay as they were measured."
)
"""Of a run of `strata.summary/1`."""
_BESIDE = ("items", "used", "accuracy", "decided_by", "excluded", "not_intervened_on", "instruments")
"""Fields of a kind that no intervention made."""


def is_first(summary: Mapping[str, Any]) -> bool:
    """Whether a run is of the schema whose places are withdrawn."""
    return summary.get("schema") == FIRST_SCHEMA


def localisation_of(summary: Mapping[str, Any]) -> Localisation | None:
    """None of a run of `strata.summary/1`. Raises StrataError naming the field that isn't what the schema says."""
    if is_first(summary):
        return None
    families = {name: _without(family, ("behaviour",)) for name, family in (summary.get("families") or {}).items()}
    kinds = {name: _without(kind, _BESIDE) for name, kind in (summary.get("kinds") or {}).items()}
    try:
        return Localisation(
            n_layers=summary["n_layers"],
            families={name: FamilyResult.model_validate(family) for name, family in families.items()},
            kinds={name: KindLocalisation.model_validate(kind) for name, kind in kinds.items()},
            order=Order.model_validate(summary["order"]),
            hypothesis=tuple(Hypothesis.model_validate(sentence) for sentence in summary.get("hypothesis") or []),
        )
    except (ValidationError, KeyError) as error:
        raise StrataError(
            f"summary.json doesn't hold what its schema says ({_first(error)})",
            "Delete it and start the same command again",
        ) from error


def behaviour_of(summary: Mapping[str, Any]) -> dict[tuple[str, str], Json]:
    """How every family was answered, by kind and family, whatever the schema."""
    families = summary.get("families") or {}
    entries = (
        families if isinstance(families, list) else [family.get("behaviour") or {} for family in families.values()]
    )
    return {(entry["kind"], entry["family"]): entry for entry in entries if entry}


def _without(entry: Mapping[str, Any], names: tuple[str, ...]) -> Json:
    return {name: value for name, value in entry.items() if name not in names}


def _first(error: ValidationError | KeyError) -> str:
    if isinstance(error, KeyError):
        return f"no {error}"
    problem = error.errors()[0]
    return f"{error.title}.{'.'.join(map(str, problem['loc']))}: {problem['msg'].lower()}"
