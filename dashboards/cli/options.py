"""Where does each option's value come from? Command line, then STRATA_* variables, then --config FILE, then default."""

from __future__ import annotations

import argparse
import difflib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from strata.dashboards.option_values import OptionValue
from strata.experiments.declared_setting import OutOfRangeError, Setting, setting, settings_of
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import UnreadableError, decoded, file_bytes, parse_json, parse_toml

if TYPE_CHECKING:
    from pydantic import JsonValue


class DataclassInstance(Protocol):
    """An object whose class is a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Made = TypeVar("Made", bound=DataclassInstance)
_ASKED_ONLY = "asked_only"


@dataclass(frozen=True)
class Option:
    name: str
    """As in the configuration file; `--name` with dashes on the command line, STRATA_NAME in the environment."""
    default: OptionValue
    """Also tells the type: bool options are switches, tuples take several values."""
    help: str
    group: str = "options"
    parse: Callable[[str], str | int | float] = str
    """Reads one value from text; ValueError for a bad one."""
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    asked_only: bool = False
    """Only the command line can switch it on: a file or a variable may be somebody else's."""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Resolved:
    value: OptionValue
    origin: str
    """command line, environment, the file's name, or default."""


def option(
    default: OptionValue,
    help: str,
    group: str,
    parse: Callable[[str], str | int | float] = str,
    *,
    choices: tuple[str, ...] = (),
    metavar: str | None = None,
    asked_only: bool = False,
) -> Any:
    """A field of a verb's options, declared as configurations declare theirs; the parameters are those of `Option`."""
    declared = setting(help, group, parse, choices=choices, metavar=metavar)
    return field(default=default, metadata={**declared, _ASKED_ONLY: asked_only})


def as_declared(config: type, name: str, *, help: str | None = None) -> Any:
    """A field that another dataclass declares, in a verb's options as well; `help`: what it means there."""
    there, declared = settings_of(config)[name]
    default: Any = there.default
    return option(
        default, help or declared.help, declared.group, declared.parse, choices=declared.choices,
        metavar=declared.metavar,
    )  # fmt: skip


def options_of(options: type) -> tuple[Option, ...]:
    """What the fields of a dataclass declare, in their order, and those of its parts: fields that are dataclasses themselves."""
    return tuple(_option(declared, asked) for declared, asked in _declared(options))


def made_of(options: type[Made], values: Mapping[str, OptionValue]) -> Made:
    """The dataclass and its parts, with the values that they declare.

    Raises KeyError where the values lack one, StrataError where one without a default isn't set.
    """
    given: dict[str, OptionValue | DataclassInstance] = {
        name: made_of(of, values) for name, of in _parts(options).items()
    }
    for name, (declared, asked) in settings_of(options).items():
        if declared.default is MISSING and values[name] in (None, ""):
            raise StrataError(f"--{name.replace('_', '-')} is missing", f"Give the {asked.help}")
        given[name] = values[name]
    return options(**given)


def values_of(options: DataclassInstance) -> dict[str, OptionValue]:
    """The value of every option by name, the parts' among them: `made_of` backwards."""
    values: dict[str, OptionValue] = {}
    parts, own = _parts(type(options)), settings_of(type(options))
    for name in _names(type(options)):
        if name in parts:
            values |= values_of(getattr(options, name))
        elif name in own:
            values[name] = getattr(options, name)
    return values


def chosen_options(
    options: type[Made], arguments: argparse.Namespace, quick: Mapping[str, OptionValue] | None = None
) -> Made:
    """A verb's options, from wherever each was set. `quick`: what --quick sets in place of defaults. Raises as `resolve`."""
    return _made_quick(options, resolved_options(options, arguments), quick)


def options_of_table(
    options: type[Made],
    table: Mapping[str, JsonValue],
    where: str,
    given: Mapping[str, OptionValue],
    quick: Mapping[str, OptionValue] | None = None,
) -> Made:
    """A verb's options as a table in the file `where` sets them, but for those that are `given`. Raises as `resolve`."""
    declared = options_of(options)
    return _made_quick(options, _resolved(declared, given, _known(table, declared, where), where), quick)


def _made_quick(options: type[Made], resolved: Mapping[str, Resolved], quick: Mapping[str, OptionValue] | None) -> Made:
    values = {name: entry.value for name, entry in resolved.items()}
    if quick and values["quick"]:
        values |= {name: size for name, size in quick.items() if resolved[name].origin == "default"}
    return made_of(options, values)


def resolved_options(options: type, arguments: argparse.Namespace) -> dict[str, Resolved]:
    """Value and origin of every option of a verb, `arguments` being what stood on its command line. Raises as `resolve`."""
    return resolve(options_of(options), vars(arguments), arguments.config)


def config_lines(resolved: Mapping[str, Resolved]) -> str:
    """Every value with its origin, for `--print-config`; valid TOML."""
    lines = []
    for name, entry in sorted(resolved.items()):
        value = list(entry.value) if isinstance(entry.value, tuple) else entry.value
        shown = f"{name} = {json.dumps(value)}" if value is not None else f"# {name} is not set"
        lines.append(f"{shown}  # {entry.origin}" if value is not None else f"{shown} ({entry.origin})")
    return "\n".join(lines) + "\n"


def _names(options: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(options))


def _parts(options: type[DataclassInstance]) -> dict[str, type[DataclassInstance]]:
    parts = {}
    for each in fields(options):
        maker: object = each.default_factory
        if isinstance(maker, type) and is_dataclass(maker):
            parts[each.name] = maker
    return parts


def _declared(options: type) -> Iterator[tuple[Field[Any], Setting]]:
    parts, own = _parts(options), settings_of(options)
    for name in _names(options):
        if name in parts:
            yield from _declared(parts[name])
        elif name in own:
            yield own[name]


def _option(declared: Field[Any], asked: Setting) -> Option:
    return Option(
        declared.name,
        None if declared.default is MISSING else declared.default,
        asked.help,
        asked.group,
        asked.parse,
        asked.choices,
        asked.metavar,
        declared.metadata.get(_ASKED_ONLY, False),
    )


def add_options(parser: argparse.ArgumentParser, options: Sequence[Option]) -> None:
    """Adds the options in their groups, without defaults: what is absent is looked up elsewhere."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in options:
        group = groups.setdefault(option.group, parser.add_argument_group(option.group))
        shown = _shown_default(option)
        if isinstance(option.default, bool):
            group.add_argument(
                option.flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, dest=option.name,
                help=f"{option.help} (default: {'on' if option.default else 'off'})",
            )  # fmt: skip
        else:
            group.add_argument(
                option.flag, default=argparse.SUPPRESS, dest=option.name, metavar=option.metavar or option.name.upper(),
                help=f"{option.help}{shown}",
            )  # fmt: skip
    group = groups.setdefault("configuration", parser.add_argument_group("configuration"))
    group.add_argument("--config", metavar="FILE", help="TOML file of option = value, or a run's manifest.json")
    group.add_argument("--print-config", action="store_true", help="show every value and its origin, then stop")


def resolve(
    options: Sequence[Option], given: Mapping[str, OptionValue], config_file: str | None
) -> dict[str, Resolved]:
    """The value and origin of every option.

    Raises StrataError for unknown keys, bad values and what only the command line may set.
    """
    return _resolved(options, given, _read_config(Path(config_file), options) if config_file else {}, config_file)


def _resolved(
    options: Sequence[Option],
    given: Mapping[str, OptionValue],
    from_file: Mapping[str, JsonValue],
    config_file: str | None,
) -> dict[str, Resolved]:
    resolved: dict[str, Resolved] = {}
    for option in options:
        variable = f"STRATA_{option.name.upper()}"
        if option.name in given:
            resolved[option.name] = Resolved(_typed(option, given[option.name], option.flag), "command line")
        elif option.asked_only:
            for where, value in ((variable, os.environ.get(variable)), (config_file, from_file.get(option.name))):
                if value is not None and _typed(option, value, f"{option.name} in {where}") != option.default:
                    raise StrataError(
                        f"{where} sets {option.name}, which only the command line may do",
                        f"Add {option.flag} to the command if you mean it",
                    )
            resolved[option.name] = Resolved(option.default, "default")
        elif variable in os.environ:
            resolved[option.name] = Resolved(_typed(option, os.environ[variable], variable), f"environment {variable}")
        elif option.name in from_file:
            where = f"{option.name} in {config_file}"
            resolved[option.name] = Resolved(_typed(option, from_file[option.name], where), str(config_file))
        else:
            resolved[option.name] = Resolved(option.default, "default")
    return resolved


def _typed(option: Option, value: object, where: str) -> OptionValue:
    if isinstance(option.default, bool):
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word in ("1", "true", "yes", "on"):
            return True
        if word in ("0", "false", "no", "off"):
            return False
        raise StrataError(f"{where} is {value!r}", "Give yes or no")
    if isinstance(option.default, tuple):
        parts = value if isinstance(value, (list, tuple)) else [part.strip() for part in str(value).split(",")]
        return tuple(_one(option, part, where) for part in parts if part != "")
    return None if value is None else _one(option, value, where)


def _one(option: Option, value: object, where: str) -> str | int | float:
    if option.choices and value not in option.choices:
        near = difflib.get_close_matches(str(value), option.choices, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise StrataError(f"{where} is {value!r}", f"{hint}Choose among: {', '.join(option.choices)}")
    try:
        parsed = option.parse(str(value))
        if isinstance(parsed, float) and not math.isfinite(parsed):
            raise OutOfRangeError("must be a finite number")
        return parsed
    except OutOfRangeError as error:
        raise StrataError(f"{where} is {value!r}", f"It {error}") from error
    except ValueError as error:
        raise StrataError(f"{where} is {value!r}", "Give a number") from error


def _read_config(file: Path, options: Sequence[Option]) -> Mapping[str, JsonValue]:
    try:
        text = decoded(file_bytes(file))
        values = parse_json(text) if file.suffix == ".json" else parse_toml(text)
    except UnreadableError as error:
        raise StrataError(f"--config {file} could not be read: {error.reason}", "Mend it") from error
    if isinstance(values, dict) and str(values.get("schema", "")).startswith("strata.manifest/"):
        values = values.get("options", {})
    if not isinstance(values, dict):
        raise StrataError(f"--config {file} holds no table of options", "Write option = value lines")
    return _known(values, options, str(file))


def _known(values: Mapping[str, JsonValue], options: Sequence[Option], where: str) -> Mapping[str, JsonValue]:
    """Under the options' own names."""
    known = {option.name for option in options}
    normal = {str(key).replace("-", "_"): value for key, value in values.items()}
    for key in normal:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise StrataError(
                f"{where}: there is no option {key!r}",
                f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}",
            )
    return normal


def _shown_default(option: Option) -> str:
    if option.default in (None, (), ""):
        return ""
    value = ",".join(map(str, option.default)) if isinstance(option.default, tuple) else option.default
    return f" (default: {value})"
