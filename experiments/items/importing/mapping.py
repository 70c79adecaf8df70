"""What does a mapping say: which columns of a table give which field of an item?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue

from strata.experiments.items.field_rules import MOST_HOPS
from strata.experiments.items.importing.mapping_section import Section, Texts
from strata.experiments.items.importing.paths import fields_of, parse_template
from strata.experiments.items.importing.row_steps import StepsSpec
from strata.experiments.items.importing.rows import RowsSpec

TEMPLATES = ("answer", "kind", "family", "domain", "cluster", "id", "source")
"""Keys of `[item]` that are texts with fields of the row."""


def _counted(hops: int | Mapping[str, str]) -> int | Mapping[str, str]:
    ways = ({"count", "in"}, {"length_of"})
    if set(hops) in ways if isinstance(hops, Mapping) else 0 <= hops <= MOST_HOPS:
        return hops
    raise ValueError("neither a number of steps nor a way to count them")


_HOPS: JsonSchemaValue = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MOST_HOPS},
        *(
            {
                "type": "object",
                "properties": {key: {"type": "string"} for key in keys},
                "required": list(keys),
                "additionalProperties": False,
            }
            for keys in (("count", "in"), ("length_of",))
        ),
    ]
}
"""Of what `_counted` lets pass."""


def _several(values: Any) -> Any:
    return tuple(values) if isinstance(values, list) else (values,)


class ItemSpec(Section):
    """The `[item]` table. Texts may hold fields of the row in braces: `{question}`, `{answers[0]}` (see `paths`)."""

    prompt: Texts = ()
    """Text up to the answer; several are several templates."""
    answer: str = ""
    """The answer; left away where `[choices]` says which choice is right."""
    kind: str = "knowledge"
    """Kind of the items."""
    family: str = "{@file}"
    """Family of the items."""
    domain: str = "general"
    """Subject area."""
    cluster: str = ""
    """What must not straddle folds; when empty the row, together with others that ask the same."""
    id: str = ""
    """Unique id; family, row and template when empty."""
    source: str = "{@file}"
    """Where the items come from."""
    hops: Annotated[int | Mapping[str, str], AfterValidator(_counted), WithJsonSchema(_HOPS)] = 1
    """Steps: a number, `{count = "<<", in = "answer"}` or `{length_of = "decomposition"}`."""


class TemplatesSpec(Section):
    """The `[templates]` table: prompts that stand in the data instead of the mapping."""

    at: str = ""
    """Field with the list of prompts."""
    blank: str = "{}"
    """What stands for the subject in them."""
    field: str = "subject"
    """Field whose value goes there."""


class AnswerSpec(Section):
    """The `[answer]` table: how the answer is cut out of its text."""

    after: str = ""
    """Keep what follows the last of these marks."""
    number: bool = False
    """Whether it is a number, written without thousands separators and without `.0`."""


class ChoicesSpec(Section):
    """The `[choices]` table: where the options stand and which is right."""

    field: str = ""
    """Field with a list of texts or of labelled options, with an object by label or of scores, or with a text that
    writes one of these as JSON or Python does."""
    labels: str = ""
    """Field with the labels of a list in `field`, in its order; not needed for those that stand in one object with it."""
    columns: Texts = ()
    """Fields with one option each."""
    inside: str = ""
    """Field whose text holds the options one after the other."""
    after: str = ""
    """In that text, the options come after the last of these marks; the stem before it is `{@stem}`."""
    marker: str = "(A)"
    """In that text, what stands before the first option; the others count on from its letter."""
    values: Texts = ()
    """Options that are the same for every row."""
    correct: str = ""
    """Field that says which is right; the one of the options themselves where they carry scores."""
    correct_is: Literal["", "label", "letter", "index", "text"] = ""
    """`label` (of the data's own), `letter`, `index` or `text`; found out from all rows together when empty."""
    first: int | None = None
    """Number of the first option where `correct` is an index; found out from all rows together when left away."""
    show: Literal["text", "letter"] = "text"
    """Whether the answer is the option's `text` or its `letter`."""


class FoilSpec(Section):
    """The `[foil]` table: what the answer is scored against."""

    of: Literal["", "choices", "rows", "none"] = ""
    """`choices` (another option), `rows` (another row of the family and template, as a pair) or `none`."""


def _without_name(schema: JsonSchemaValue) -> None:
    """A file doesn't hold its own name."""
    del schema["properties"]["name"], schema["required"]


class Mapped(Section):
    """A whole mapping file."""

    model_config = ConfigDict(json_schema_extra=_without_name)

    name: str = Field(exclude=True)
    """The file, for messages."""
    rows: RowsSpec = RowsSpec()
    """How the table is read."""
    item: ItemSpec = ItemSpec()
    """What becomes of a row."""
    templates: TemplatesSpec = TemplatesSpec()
    """Prompts from the data."""
    answer: AnswerSpec = AnswerSpec()
    """How the answer is cut out."""
    choices: ChoicesSpec = ChoicesSpec()
    """Where the options are."""
    foil: FoilSpec = FoilSpec()
    """What the answer is scored against."""
    steps: StepsSpec = StepsSpec()
    """Where the steps to the answer are."""
    spans: Mapping[str, str] = {}
    """Span name to the field that fills it in the prompt."""
    keep: Mapping[str, Annotated[tuple[Any, ...], BeforeValidator(_several, json_schema_input_type=JsonValue)]] = {}
    """Field to the values that a row must have one of."""
    extra: Mapping[str, str] = {}
    """Further keys of the item to texts with fields."""

    @property
    def foil_of(self) -> str:
        """Where foils come from, the default filled in."""
        return self.foil.of or ("choices" if self.has_choices else "rows")

    @property
    def fields(self) -> tuple[str, ...]:
        """The row's fields that its texts name."""
        item = self.item
        texts = (*item.prompt, *(getattr(item, key) for key in TEMPLATES), *self.extra.values())
        paths = [path for text in texts for path in fields_of(parse_template(text))]
        return tuple(path for path in paths if not path.startswith("@"))

    @property
    def has_choices(self) -> bool:
        choices = self.choices
        return bool(choices.field or choices.columns or choices.inside or choices.values)
