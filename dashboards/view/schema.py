"""Is this a `strata.view/2`? A small JSON schema, the validator for it, and the one sentence when it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from strata.probes.errors import StrataError

SCHEMA_NAME = "strata.view/2"
Json = dict[str, Any]

_NUMBER = {"type": ["number", "null"]}
_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_NUMBERS = {"type": "array", "items": _NUMBER}


def _object(required: Json, **optional: Any) -> Json:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_LOCALISED = {"enum": ["ok", "not_run", "withdrawn"]}
_STATE = _object({"state": {"enum": ["ok", "not_run", "empty"]}, "text": _TEXT})
_AXIS = _object({"label": _TEXT, "count": {"type": "integer"}, "depth": _NUMBERS})
_ONSET = _object(
    {
        "instrument": _TEXT,
        "layer": _NUMBER,
        "depth": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "n": _NUMBER,
        "text": _TEXT,
    }
)

VIEW_SCHEMA: Json = _object(
    {
        "schema": {"const": SCHEMA_NAME},
        "run": _object(
            {"run_id": _TEXT, "verb": _TEXT, "title": _TEXT, "status": _TEXT, "limited": {"type": "boolean"}, "asked": _TEXT,
             "badges": _list(_object({"code": _TEXT, "text": _TEXT}))}
        ),
        "models": _list(_object({"key": _TEXT, "label": _TEXT, "n_layers": {"type": "integer"}})),
        "axes": _object({"stream": _AXIS, "block": _AXIS}),
        "labels": _object({"kinds": _list(_TEXT), "instruments": {"type": "object"}, "measures": {"type": "object"}}),
        "verdict": _object(
            {"state": _LOCALISED, "word": {"enum": ["retrieval-first", "reasoning-first", "together", "undetermined"]},
             "sentences": _list(_object({"about": _TEXT, "head": _TEXT, "rest": _TEXT})),
             "kinds": _list(_object({"kind": _TEXT, "items": {"type": "integer"}, "used": {"type": "integer"},
                                     "onsets": _list(_ONSET), "located": _TEXT, "place": {"type": ["object", "null"]}, "why": _TEXT, "sought": {"type": "boolean"}})),
             "caveats": _list(_object({"code": _TEXT, "text": _TEXT})), "would_change": _TEXT}
        ),
        "localisation": _object(
            {"state": _LOCALISED, "text": _TEXT,
             "rows": _list(_object({"family": _TEXT, "kind": _TEXT, "place": _TEXT, "interval": _TEXT, "roles": _list(_TEXT), "control": _TEXT,
                                    "why": _TEXT, "note": _TEXT, "pairs": {"type": "integer"}, "entities": {"type": "integer"}})),
             "cells": _list(_object({"kind": _TEXT, "cell": _TEXT, "label": _TEXT, "effect": _TEXT, "control": _TEXT, "excess": _TEXT,
                                     "counts": _TEXT, "gained": _TEXT})),
             "family_cells": _list(_object(dict.fromkeys(("family", "cell", "label", "effect", "denoise", "noise", "install", "necessity", "reading", "counts", "attribution"), _TEXT))),
             "heads": _list(_object(dict.fromkeys(("family", "label", "head", "effect", "p", "install", "codes", "attention"), _TEXT))),
             "head_sets": _list(_object(dict.fromkeys(("family", "label", "heads", "effect", "effect_of_choice", "knockout"), _TEXT))),
             "choices": _list(_object({"id": _TEXT, "text": _TEXT, "aria": _TEXT})),
             "figures": {"type": "object"}, "palettes": {"type": "object"}}
        ),
        "comparability": _list(_object({"code": _TEXT, "text": _TEXT, "views": _list(_TEXT)})),
        "calibration": _STATE,
        "behaviour": _object(
            {"rule": _TEXT, "interval": _TEXT,
             "rows": _list(_object({"family": _TEXT, "kind": _TEXT, "n": {"type": "integer"}, "clusters": {"type": "integer"},
                                    "decides": {"type": ["object", "null"], "properties": {"label": _TEXT, "value": _NUMBER, "chance": _NUMBER}},
                                    "accuracy": _NUMBER, "low": _NUMBER, "high": _NUMBER, "choice_accuracy": _NUMBER,
                                    "answered": {"type": "boolean"}, "answered_items": {"type": "integer"}, "word": _TEXT}))}
        ),
        "series": _list(
            _object({"id": _TEXT, "instrument": _TEXT, "measure": _TEXT, "kind": _TEXT, "family": _TEXT_OR_NULL,
                     "target": _TEXT_OR_NULL, "scheme": _TEXT_OR_NULL, "position": _TEXT, "axis": {"enum": ["stream", "block"]},
                     "layer": _list({"type": "integer"}), "mean": _NUMBERS, "low": _NUMBERS, "high": _NUMBERS,
                     "n_items": {"type": "integer"}, "n_clusters": {"type": "integer"}, "method": _TEXT, "aria": _TEXT})
        ),
        "maps": _list(
            _object({"id": _TEXT, "instrument": _TEXT, "title": _TEXT, "unit": _TEXT, "axis": {"enum": ["stream", "block"]},
                     "layers": _list({"type": "integer"}), "centre": _NUMBER, "limits": _NUMBERS, "ends": _list(_TEXT),
                     "clipped": {"type": "integer"}, "caption": _TEXT, "aria": _TEXT,
                     "rows": _list(_object({"family": _TEXT, "kind": _TEXT, "n": {"type": "integer"}, "label": _TEXT, "note": _TEXT,
                                            "value": _NUMBERS, "low": _NUMBERS, "high": _NUMBERS, "base": _NUMBERS,
                                            "dim": _list({"type": "integer"})}))})
        ),
        "causal": _object(
            {"state": {"enum": ["ok", "not_run"]}, "text": _TEXT, "components": {"type": "object"}, "measures": {"type": "object"},
             "meta": {"type": "object"}, "limits": _NUMBERS, "items_rule": _TEXT,
             "groups": _list(_object({"id": _TEXT, "kind": _TEXT, "family": _TEXT_OR_NULL, "positions": _list(_TEXT),
                                      "identity": _list(_TEXT), "peaks": {"type": "object"}, "n_items": {"type": "integer"}})),
             "attribution": _list(_object({"component": _TEXT, "position": _TEXT, "correlation": _NUMBER, "n": _NUMBER})),
             "pairs": _list(_object({"kind": _TEXT, "usable": {"type": "integer"}, "excluded": {"type": "array"}})),
             "lines": _list(_object({"instrument": _TEXT, "measure": _TEXT, "component": _TEXT_OR_NULL, "kind": _TEXT,
                                     "family": _TEXT_OR_NULL, "position": _TEXT, "mean": _NUMBERS, "low": _NUMBERS, "high": _NUMBERS,
                                     "n_items": {"type": "integer"}, "n_clusters": {"type": "integer"}, "aria": _TEXT})),
             "items": _list(_object({"item": _TEXT, "positions": _list(_TEXT), "values": {"type": "object"},
                                     "segments": _list(_object({"name": _TEXT_OR_NULL, "clean": _TEXT, "foil": _TEXT}))}))}
        ),
        "emergence": _STATE,
        "items": _object({"total": {"type": "integer"}, "shown": {"type": "integer"}, "rule": _TEXT, "columns": {"type": "object"}}),
        "lens": _STATE,
        "lens_index": _list(
            _object({"key": _TEXT, "item": _TEXT, "tokens": _list(_TEXT), "token_ids": _list({"type": "integer"}),
                     "positions": {"type": "object"}, "why": _TEXT, "n_streams": {"type": "integer"},
                     "arrays": _list(_object({"name": _TEXT, "dtype": {"enum": ["u8", "u16"]}, "shape": _list({"type": "integer"}),
                                              "offset": {"type": "integer"}, "step": _NUMBER})),
                     "bytes": {"type": "integer"}, "embedded": {"type": "boolean"}, "aria": _TEXT})
        ),
        "lens_vocabulary": _list(_object({"id": {"type": "integer"}, "text": _TEXT})),
        "provenance": _object({"facts": _list({"type": "array", "items": _TEXT}), "command": _TEXT}),
        "sources": {"type": "object"},
        "sizes": {"type": "object"},
    }
)  # fmt: skip

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def problems(value: Any, schema: Json = VIEW_SCHEMA, where: str = "view") -> Iterator[str]:
    """Every place where `value` departs from `schema` (the subset: const, enum, type, required, properties, items)."""
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {value!r}, not {schema['const']!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, none of {schema['enum']}"
        return
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{where} is a {type(value).__name__}, not {schema['type']}"
        return
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where} lacks {name!r}"
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from problems(value[name], inner, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for index, entry in enumerate(value):
            yield from problems(entry, schema["items"], f"{where}[{index}]")


def _is(value: Any, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def validate_view(view: Any) -> None:
    """Raises StrataError naming the first departure from `strata.view/2`; says nothing when there is none."""
    for problem in problems(view):
        raise StrataError(f"This is not a {SCHEMA_NAME}: {problem}", "Rebuild it with `strata report RUN`")
