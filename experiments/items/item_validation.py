"""Is a record an item? If not: which field breaks a rule, how, and what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler, JsonValue, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue

from strata.experiments.items.field_rules import FILL_IN, IS_EMPTY, LONGEST_NAME, MOST_HOPS, FieldRefused
from strata.experiments.items.schema import KINDS, Item
from strata.probes.errors import StrataError

FIELDS = (
    "id", "kind", "family", "domain", "prompt", "answer", "foil_prompt", "foil", "choices",
    "cluster", "template", "hops", "spans", "foil_spans", "source",
)  # fmt: skip
"""The schema's keys in the order they are written; every other key of a line goes to `Item.extra`."""
REQUIRED = ("id", "kind", "family", "prompt", "answer")
"""Keys a line can't do without. The rest default: domain "general", cluster = id, template "0", hops 1, no pair."""
_DOMAIN = "general"
_TYPES = {"NoneType": "null", "dict": "object", "str": "text", "int": "number", "float": "number", "bool": "boolean"}
_FROM_OTHER_TYPES = {
    "null": FILL_IN,
    "number": "Put it in quotes",
    "boolean": "Put it in quotes",
}


def _agrees(item: Item) -> Item:
    """What no single field can say."""
    if item.foil.strip() == item.answer.strip():
        raise FieldRefused(
            f"{item.foil!r} is the answer itself", "Give a wrong answer of the same type, or none", "foil"
        )
    if item.foil_prompt:
        if not item.foil.strip():
            raise FieldRefused(
                "is empty although there is a foil_prompt", "Give the answer to foil_prompt, or drop both", "foil"
            )
        if item.foil_prompt == item.prompt:
            raise FieldRefused(
                "is the prompt itself", "Change what the answer hangs on, or leave foil_prompt out", "foil_prompt"
            )
    if item.choices and item.answer not in item.choices:
        raise FieldRefused(f"doesn't hold the answer {item.answer!r}", "Add it, with the same leading space", "choices")
    for field, spans, length in (
        ("spans", item.spans, len(item.prompt)),
        ("foil_spans", item.foil_spans, len(item.foil_prompt)),
    ):
        for name, (start, end) in spans.items():
            if not 0 <= start < end <= length:
                raise FieldRefused(
                    f"{name!r} = [{start}, {end}] isn't a range of the {length} characters of its prompt",
                    "Count characters (not bytes) from 0, end exclusive", field,
                )  # fmt: skip
    return item


class _Line:
    """How a line of a file differs from the item: what it may lack, and its further keys beside the others."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        line = handler.resolve_ref_schema(handler(schema))
        properties = {key: line["properties"][key] for key in FIELDS}
        properties["domain"] |= {"default": _DOMAIN}
        del properties["cluster"]["default"]  # the id
        optional = {key: _or_null(of) for key, of in properties.items() if key not in REQUIRED}
        return line | {
            "description": "One question. Further keys are kept.",
            "properties": properties | optional,
            "required": list(REQUIRED),
            "additionalProperties": True,
        }


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """`null` counts as absent."""
    beside = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    return beside | {"anyOf": [{key: of for key, of in schema.items() if key not in beside}, {"type": "null"}]}


ITEM: TypeAdapter[Item] = TypeAdapter(Annotated[Item, AfterValidator(_agrees), _Line])


def item_from_dict(record: Mapping[str, JsonValue], where: str = "item") -> Item:
    """The item that a record holds; `null` in an optional field counts as absent, unknown keys are kept in `extra`.

    `where` (file:line) opens the StrataError that names field, reason and remedy.
    """
    known: dict[str, JsonValue] = {
        key: record[key] for key in FIELDS if key in record and (record[key] is not None or key in REQUIRED)
    }
    known.setdefault("domain", _DOMAIN)
    if "id" in known:
        known.setdefault("cluster", known["id"])
    known["extra"] = {key: value for key, value in record.items() if key not in _KNOWN}
    try:
        return ITEM.validate_python(known)
    except ValidationError as error:
        field, reason, remedy = _refusal(error, known)
        raise StrataError(f"{where}: field {field!r} {reason}", remedy) from None


def type_name(value: object) -> str:
    """As JSON calls it."""
    return _TYPES.get(type(value).__name__, type(value).__name__)


def _refusal(error: ValidationError, known: Mapping[str, JsonValue]) -> tuple[str, str, str]:
    """Field, reason and remedy of what pydantic found; what is missing comes first."""
    found = error.errors(include_url=False)
    first = next((problem for problem in found if _is_absent(problem["type"], problem["loc"])), found[0])
    field = str(first["loc"][0]) if first["loc"] else ""
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, FieldRefused):
        return cause.field or field, cause.reason, cause.remedy
    return field, *_words(field, first["type"], known.get(field), first["loc"][1:])


def _is_absent(problem: str, where: tuple[int | str, ...]) -> bool:
    return problem == "missing" and len(where) == 1


def _words(field: str, problem: str, value: Any, inside: tuple[int | str, ...]) -> tuple[str, str]:
    kind = type_name(value)
    if _is_absent(problem, (field, *inside)):
        return "is missing", f"Every item needs {', '.join(REQUIRED)}"
    if problem == "string_unicode":
        return "holds half a surrogate pair", "Write the character itself"
    if field == "hops":
        if problem == "int_type":
            return f"is a {kind}, not a whole number", "Write 0, 1, 2, …"
        shown = value if abs(value) < 10**20 else "a number beyond all bounds"
        return f"is {shown}", f"Write a number from 0 to {MOST_HOPS}"
    if field == "choices":
        return "isn't a list of texts", 'Write ["…", "…"], or leave it out'
    if field in ("spans", "foil_spans"):
        if inside:
            return f"{inside[0]!r} isn't [start, end]", "Write two whole numbers: half-open character offsets"
        return f"is a {kind}, not an object", 'Write {"subject": [start, end]}'
    if not isinstance(value, str):
        article = "an" if kind == "object" else "a"
        return f"is {article} {kind}, not text", _FROM_OTHER_TYPES.get(kind, "Give one text")
    if problem == "string_too_long":
        return f"has {len(value)} characters", f"Use at most {LONGEST_NAME}"
    if not value.strip():
        return IS_EMPTY, FILL_IN
    return f"{value[:40]!r} is unknown", f"Use one of {', '.join(KINDS)}"


_KNOWN = frozenset(FIELDS)
