"""Which mapping stands in a TOML file or under a shipped name, and what is wrong with one that can't be used?"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from strata.experiments.items.importing.mapping import TEMPLATES, Mapped
from strata.experiments.items.importing.paths import TemplateError, fields_of, parse_template
from strata.experiments.items.importing.row_steps import check_steps
from strata.experiments.items.importing.text_file import refuse_unknown_encoding
from strata.experiments.items.importing.unknown_name import unknown
from strata.experiments.items.schema import KINDS
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import UnreadableError, decoded, file_bytes, parse_toml

_FREE = ("spans", "keep", "extra")
"""Tables whose keys a mapping chooses."""
_WANTED = {"int_type": "a whole number", "bool_type": "true or false"}
"""By pydantic's name of what is wrong; else a text."""


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
    known = tuple(key for key in Mapped.model_fields if key != "name")
    for section in tables:
        if section not in known:
            raise unknown(f"{name}: there is no table [{section}]", section, known)
    try:
        mapped = Mapped(name=name, **tables)
    except ValidationError as error:
        raise _refusal(name, error, tables) from None
    _check(mapped)
    return mapped


def _refusal(name: str, error: ValidationError, tables: Mapping[str, Any]) -> StrataError:
    """The sentence for the first thing that pydantic found."""
    problem = error.errors(include_url=False)[0]
    section, *inside = map(str, problem["loc"])
    table = tables[section]
    if not isinstance(table, dict):
        return StrataError(f"{name}: {section} must be a table", f"Write [{section}] on a line of its own")
    key = inside[0]
    value, what = table[key], f"{name}: [{section}] {key}"
    if section in _FREE:
        return StrataError(f"{what} must be a text, not {value!r}", "Put it in quotes")
    declared = getattr(Mapped.model_fields[section].annotation, "model_fields", {})
    if problem["type"] == "extra_forbidden":
        return unknown(f"{name}: [{section}] has no key {key!r}", key, tuple(declared))
    if (section, key) == ("item", "hops"):
        return StrataError(
            f"{what} can't be {value!r}", 'Write a number, {count = "<<", in = "answer"} or {length_of = "steps"}'
        )
    if problem["type"] == "literal_error" and isinstance(value, str):
        return unknown(f"{what} can't be {value!r}", value, tuple(filter(None, get_args(declared[key].annotation))))
    if problem["type"] == "tuple_type" or len(inside) > 1:
        return StrataError(f"{what} must be a list of texts", "Put them in square brackets")
    return StrataError(f"{what} must be {_WANTED.get(problem['type'], 'a text')}, not {value!r}", "Change it")


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
    texts += [(f"[item] {key}", getattr(item, key)) for key in TEMPLATES]
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
