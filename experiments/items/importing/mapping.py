"""What does a mapping file say: which columns of a table give which field of an item?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from strata.experiments.items.importing.json_table import some_of
from strata.experiments.items.importing.paths import TemplateError, fields_of, parse_template
from strata.experiments.items.importing.row_steps import StepsSpec, check_steps
from strata.experiments.items.importing.rows import FORMATS, RowsSpec
from strata.experiments.items.importing.text_file import refuse_unknown_encoding
from strata.experiments.items.jsonl import MOST_HOPS
from strata.experiments.items.schema import KINDS
from strata.probes.errors import StrataError
from strata.probes.foreign_files import UnreadableError, decoded, file_bytes, parse_toml

Section = TypeVar("Section")


@dataclass(frozen=True)
class ItemSpec:
    """The `[item]` table. Texts may hold fields of the row in braces: `{question}`, `{answers[0]}` (see `paths`)."""

    prompt: tuple[str, ...] = ()
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
    hops: int | Mapping[str, str] = 1
    """Steps: a number, `{count = "<<", in = "answer"}` or `{length_of = "decomposition"}`."""


@dataclass(frozen=True)
class TemplatesSpec:
    """The `[templates]` table: prompts that stand in the data instead of the mapping."""

    at: str = ""
    """Field with the list of prompts."""
    blank: str = "{}"
    """What stands for the subject in them."""
    field: str = "subject"
    """Field whose value goes there."""


@dataclass(frozen=True)
class AnswerSpec:
    """The `[answer]` table: how the answer is cut out of its text."""

    after: str = ""
    """Keep what follows the last of these marks."""
    number: bool = False
    """Whether it is a number, written without thousands separators and without `.0`."""


@dataclass(frozen=True)
class ChoicesSpec:
    """The `[choices]` table: where the options stand and which is right."""

    field: str = ""
    """Field with a list of texts or of labelled options, with an object by label or of scores, or with a text that
    writes one of these as JSON or Python does."""
    labels: str = ""
    """Field with the labels of a list in `field`, in its order; not needed for those that stand in one object with it."""
    columns: tuple[str, ...] = ()
    """Fields with one option each."""
    inside: str = ""
    """Field whose text holds the options one after the other."""
    after: str = ""
    """In that text, the options come after the last of these marks; the stem before it is `{@stem}`."""
    marker: str = "(A)"
    """In that text, what stands before the first option; the others count on from its letter."""
    values: tuple[str, ...] = ()
    """Options that are the same for every row."""
    correct: str = ""
    """Field that says which is right; the one of the options themselves where they carry scores."""
    correct_is: str = ""
    """`label` (of the data's own), `letter`, `index` or `text`; found out from all rows together when empty."""
    first: int | None = None
    """Number of the first option where `correct` is an index; found out from all rows together when left away."""
    show: str = "text"
    """Whether the answer is the option's `text` or its `letter`."""


@dataclass(frozen=True)
class FoilSpec:
    """The `[foil]` table: what the answer is scored against."""

    of: str = ""
    """`choices` (another option), `rows` (another row of the family and template, as a pair) or `none`."""


@dataclass(frozen=True)
class Mapped:
    """A whole mapping file."""

    name: str
    """The file, for messages."""
    rows: RowsSpec = field(default_factory=RowsSpec)
    """How the table is read."""
    item: ItemSpec = field(default_factory=ItemSpec)
    """What becomes of a row."""
    templates: TemplatesSpec = field(default_factory=TemplatesSpec)
    """Prompts from the data."""
    answer: AnswerSpec = field(default_factory=AnswerSpec)
    """How the answer is cut out."""
    choices: ChoicesSpec = field(default_factory=ChoicesSpec)
    """Where the options are."""
    foil: FoilSpec = field(default_factory=FoilSpec)
    """What the answer is scored against."""
    steps: StepsSpec = field(default_factory=StepsSpec)
    """Where the steps to the answer are."""
    spans: Mapping[str, str] = field(default_factory=dict)
    """Span name to the field that fills it in the prompt."""
    keep: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Field to the values that a row must have one of."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further keys of the item to texts with fields."""

    @property
    def foil_of(self) -> str:
        """Where foils come from, the default filled in."""
        return self.foil.of or ("choices" if self.has_choices else "rows")

    @property
    def fields(self) -> tuple[str, ...]:
        """The row's fields that its texts name."""
        item = self.item
        texts = (*item.prompt, *(getattr(item, key) for key in _TEMPLATES), *self.extra.values())
        paths = [path for text in texts for path in fields_of(parse_template(text))]
        return tuple(path for path in paths if not path.startswith("@"))

    @property
    def has_choices(self) -> bool:
        choices = self.choices
        return bool(choices.field or choices.columns or choices.inside or choices.values)


_COMPARED = 2_000
"""Names that are looked through for the one that was meant."""
_SECTIONS: Mapping[str, type[Any]] = {
    "rows": RowsSpec,
    "item": ItemSpec,
    "templates": TemplatesSpec,
    "answer": AnswerSpec,
    "choices": ChoicesSpec,
    "foil": FoilSpec,
    "steps": StepsSpec,
}
_TEMPLATES = ("answer", "kind", "family", "domain", "cluster", "id", "source")
_FREE = ("spans", "keep", "extra")


def read_mapping(path: str | Path) -> Mapped:
    """The mapping in a TOML file, or the shipped one of that name (`lre`, `gsm8k`, …).

    Raises StrataError that names the file and key, with the nearest valid name.
    """
    file = Path(path)
    if file.exists():
        try:
            text = decoded(file_bytes(file).removeprefix(b"\xef\xbb\xbf"))
        except UnreadableError as error:
            raise StrataError(f"The mapping {path} can't be read: {error.reason}", "Save it as UTF-8") from error
    elif str(path) in shipped_mappings():
        text = _shipped().joinpath(f"{path}.toml").read_text(encoding="utf-8")
    else:
        raise StrataError(
            f"There is no mapping file {path}",
            f"Write one, or take a shipped one: {', '.join(shipped_mappings())}",
        )
    return parse_mapping(text, str(path))


def shipped_mappings() -> tuple[str, ...]:
    """Names of the mappings that come with the package."""
    names = (entry.name for entry in _shipped().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def _shipped() -> Any:
    return files("strata.experiments.items").joinpath("mappings")


def parse_mapping(text: str, name: str = "mapping") -> Mapped:
    """The mapping that a TOML text says. Raises StrataError as `read_mapping`."""
    try:
        tables = parse_toml(text)
    except UnreadableError as error:
        raise StrataError(f"{name} isn't a mapping: {error.reason}", "Mend the line") from error
    known = (*_SECTIONS, *_FREE)
    parts: dict[str, Any] = {}
    for section, table in tables.items():
        if section not in known:
            raise unknown(f"{name}: there is no table [{section}]", section, known)
        if not isinstance(table, dict):
            raise StrataError(f"{name}: {section} must be a table", f"Write [{section}] on a line of its own")
        parts[section] = _section(name, section, table)
    mapped = Mapped(name=name, **parts)
    _check(mapped)
    return mapped


def unknown(what: str, given: str, known: Sequence[str]) -> StrataError:
    """The error for a name that isn't among `known`, with the nearest that is."""
    near = get_close_matches(given, known[:_COMPARED], n=1, cutoff=0.5)
    return StrataError(what, f"Perhaps {near[0]!r} is meant" if near else f"There is: {some_of(known)}")


def _section(name: str, section: str, table: Mapping[str, Any]) -> Any:
    if section == "keep":
        return {key: tuple(value) if isinstance(value, list) else (value,) for key, value in table.items()}
    if section in _FREE:
        for key, value in table.items():
            if not isinstance(value, str):
                raise StrataError(f"{name}: [{section}] {key} must be a text, not {value!r}", "Put it in quotes")
        return dict(table)
    made = _SECTIONS[section]
    defaults = {key_field.name: getattr(made(), key_field.name) for key_field in fields(made)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in defaults:
            raise unknown(f"{name}: [{section}] has no key {key!r}", key, tuple(defaults))
        values[key] = _typed(name, section, key, value, defaults[key])
    return made(**values)


def _typed(name: str, section: str, key: str, value: Any, default: Any) -> Any:
    """The value in the type of its default; a text may stand for a list of one."""
    if isinstance(default, tuple):
        listed = [value] if isinstance(value, str) else value
        if isinstance(listed, list) and all(isinstance(text, str) for text in listed):
            return tuple(listed)
        raise StrataError(f"{name}: [{section}] {key} must be a list of texts", "Put them in square brackets")
    if section == "item" and key == "hops":
        if type(value) is int and 0 <= value <= MOST_HOPS:
            return value
        ways = ({"count", "in"}, {"length_of"})
        if isinstance(value, dict) and set(value) in ways and all(isinstance(v, str) for v in value.values()):
            return value
        raise StrataError(
            f"{name}: [item] hops can't be {value!r}",
            'Write a number, {count = "<<", in = "answer"} or {length_of = "steps"}',
        )
    # Only `first` of [choices] has no default: it is found out.
    kind = int if default is None else type(default)
    if type(value) is not kind:
        wanted = {str: "a text", int: "a whole number", bool: "true or false"}[kind]
        raise StrataError(f"{name}: [{section}] {key} must be {wanted}, not {value!r}", "Change it")
    return value


def _check(mapped: Mapped) -> None:
    """What no single key can say."""
    name, choices = mapped.name, mapped.choices
    if not mapped.item.prompt and not mapped.templates.at:
        raise StrataError(f"{name}: [item] has no prompt", 'Write prompt = "{question}" or a table [templates]')
    # Options may carry scores that say which is right: that shows in the rows.
    if not mapped.item.answer and not choices.correct and not choices.field:
        raise StrataError(f"{name}: nothing gives the answer", "Write [item] answer or [choices] correct")
    if "{" not in mapped.item.kind and mapped.item.kind not in KINDS:
        raise unknown(f"{name}: [item] kind can't be {mapped.item.kind!r}", mapped.item.kind, KINDS)
    for key, value, allowed in (
        ("[rows] format", mapped.rows.format, ("", *FORMATS)),
        ("[choices] show", choices.show, ("text", "letter")),
        ("[choices] correct_is", choices.correct_is, ("", "label", "letter", "index", "text")),
        ("[foil] of", mapped.foil.of, ("", "choices", "rows", "none")),
    ):
        if value not in allowed:
            raise unknown(f"{name}: {key} can't be {value!r}", value, tuple(filter(None, allowed)))
    places = [bool(place) for place in (choices.field, choices.columns, choices.inside, choices.values)]
    if sum(places) > 1:
        raise StrataError(f"{name}: [choices] names several places", "Keep one of field, columns, inside, values")
    if (choices.correct or choices.show == "letter" or mapped.foil.of == "choices") and not any(places):
        raise StrataError(f"{name}: [choices] doesn't say where they are", "Write field, columns, inside or values")
    if choices.labels and not choices.field:
        raise StrataError(f"{name}: [choices] labels belong to a list in `field`", "Name the list, or leave them away")
    if len(choices.marker) > 0 and choices.inside and "A" not in choices.marker:
        raise StrataError(f"{name}: [choices] marker {choices.marker!r} has no A", 'Write it for the first: "(A)"')
    if len(mapped.rows.delimiter) > 1 or mapped.rows.delimiter in ("\n", "\r", '"', "\0"):
        raise StrataError(
            f"{name}: [rows] delimiter {mapped.rows.delimiter!r} can't separate cells", "Give one character"
        )
    refuse_unknown_encoding(name, (mapped.rows.encoding, mapped.rows.fallback_encoding))
    check_steps(name, mapped.steps)
    _check_pattern(name, mapped.rows.files)
    _check_templates(mapped)


def _check_pattern(name: str, pattern: str) -> None:
    parts = Path(pattern).parts
    if (
        Path(pattern).is_absolute()
        or ".." in parts
        or "\0" in pattern
        or any("**" in part and part != "**" for part in parts)
    ):
        raise StrataError(
            f"{name}: [rows] files {pattern[:80]!r} is no pattern of files in the source", 'Write one such as "*.csv"'
        )


def _check_templates(mapped: Mapped) -> None:
    """Whether every text with fields can be read, and every prompt asks about the row it comes from."""
    name, item = mapped.name, mapped.item
    texts = [("[item] prompt", prompt) for prompt in item.prompt]
    texts += [(f"[item] {key}", getattr(item, key)) for key in _TEMPLATES]
    texts += [(f"[extra] {key}", text) for key, text in mapped.extra.items()]
    for key, text in texts:
        try:
            parse_template(text)
        except TemplateError as error:
            raise StrataError(
                f"{name}: {key} {error}", "Fields stand in braces; write {{ and }} for braces themselves"
            ) from None
    for prompt in item.prompt:
        if not fields_of(parse_template(prompt)):
            raise StrataError(
                f"{name}: [item] prompt {prompt!r} names no field, so every row would ask the same",
                'Put a field in braces, as in "{question}"',
            )
