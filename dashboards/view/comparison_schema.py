"""Is this a `strata.comparison-view/1`? Its JSON schema, read by the validator of `strata.view/1`."""

from __future__ import annotations

from typing import Any

from strata.dashboards.view.schema import problems
from strata.probes.errors import StrataError

SCHEMA_NAME = "strata.comparison-view/1"
Json = dict[str, Any]

_NUMBERS = {"type": "array", "items": {"type": ["number", "null"]}}
_TEXT = {"type": "string"}
_DIMENSIONS = {"enum": ["all", "trimmed"]}
_STATE = {"state": {"enum": ["ok", "not_run", "incomparable"]}, "text": _TEXT}


def _object(**required: Any) -> Json:
    return {"type": "object", "required": list(required), "properties": required}


def _list(**entry: Any) -> Json:
    return {"type": "array", "items": _object(**entry)}


def _lines(**keys: Any) -> Json:
    return _list(
        **keys, axis={"enum": ["stream", "block"]}, layer={"type": "array", "items": {"type": "integer"}}, mean=_NUMBERS,
        low=_NUMBERS, high=_NUMBERS, n_items={"type": "integer"}, n_clusters={"type": "integer"}, method=_TEXT, aria=_TEXT,
    )  # fmt: skip


SCHEMA: Json = _object(
    schema={"const": SCHEMA_NAME},
    run=_object(run_id=_TEXT, verb=_TEXT, title=_TEXT, limited={"type": "boolean"}, asked=_TEXT, badges=_list(code=_TEXT, text=_TEXT)),
    models=_list(key=_TEXT, label=_TEXT, n_layers={"type": "integer"}, weights_sha256=_TEXT),
    axes={"type": "object"},
    verdict=_object(
        word={"enum": ["supported", "contradicted", "undetermined"]}, sentences={"type": "array", "items": _TEXT},
        caveats=_list(code=_TEXT, text=_TEXT),
    ),
    pair_check=_list(role=_TEXT, verdict=_TEXT, ok={"type": "boolean"}, reasons={"type": "array", "items": _TEXT}, hint=_TEXT),
    answers=_object(kinds=_list(kind=_TEXT), families=_list(kind=_TEXT, family=_TEXT), generated=_list(split=_TEXT), generated_text=_TEXT),
    changes=_object(**_STATE, readings=_list(id=_TEXT, label=_TEXT, unit=_TEXT, limits=_NUMBERS, change_limits=_NUMBERS),
                    lines=_lines(contrast=_TEXT, kind=_TEXT, before=_NUMBERS, after=_NUMBERS)),
    likeness=_list(kind=_TEXT, instrument=_TEXT, reading=_TEXT, contrasts={"type": "object"}),
    locations=_object(bound={"type": "number"}, rows=_list(kind=_TEXT, role=_TEXT, verdict=_TEXT, reason=_TEXT)),
    halves=_list(kind=_TEXT, role=_TEXT, reason=_TEXT),
    layer_swaps=_object(**_STATE, lines=_lines(contrast=_TEXT, sweep=_TEXT), whole={"type": "array"}, reasons=_list(text=_TEXT)),
    crossed=_object(**_STATE, lines=_lines(contrast=_TEXT, component=_TEXT), reasons=_list(text=_TEXT)),
    weights=_object(**_STATE, maps=_list(contrast=_TEXT, values={"type": "object"}, aria=_TEXT), outside={"type": "array"}),
    similarity=_object(
        **_STATE, lines=_lines(contrast=_TEXT, measure=_TEXT, dimensions=_DIMENSIONS), family_lines=_lines(contrast=_TEXT),
        told=_list(position=_TEXT, text=_TEXT),
    ),
    contrasts=_object(
        **_STATE, lines=_lines(model=_TEXT, kind=_TEXT, contrast=_TEXT, dimensions=_DIMENSIONS), family_lines=_lines(model=_TEXT),
        reasons=_list(model=_TEXT, text=_TEXT), told=_list(model=_TEXT, text=_TEXT),
    ),
    transfer=_object(**_STATE, lines=_lines(contrast=_TEXT, family=_TEXT, majority=_NUMBERS), reasons=_list(text=_TEXT), told=_list(text=_TEXT)),
    not_comparable=_list(measure=_TEXT, model=_TEXT, reason=_TEXT),
    provenance={"type": "object"},
    sources={"type": "object"},
    sizes={"type": "object"},
)  # fmt: skip


def validate_comparison_view(view: Any) -> None:
    """Raises StrataError naming the first departure from the schema; says nothing when there is none."""
    for problem in problems(view, SCHEMA):
        raise StrataError(f"This is not a {SCHEMA_NAME}: {problem}", "Rebuild it with `strata report RUN`")
