"""Where does each option's value come from? Command line, then STRATA_* variables, then --config FILE, then default."""

from __future__ import annotations

import argparse
import difflib
import json
import math
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, TypeVar

from strata.experiments.setting import OutOfRangeError, settings_of
from strata.probes.errors import StrataError

Config = TypeVar("Config")


@dataclass(frozen=True)
class Option:
    name: str
    """As in the configuration file; `--name` with dashes on the command line, STRATA_NAME in the environment."""
    default: Any
    """Also tells the type: bool options are switches, tuples take several values."""
    help: str
    group: str = "options"
    parse: Callable[[str], Any] = str
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
    value: Any
    origin: str
    """command line, environment, the file's name, or default."""


def options_of(config: type, *names: str) -> tuple[Option, ...]:
    """The options that the fields of a configuration declare; `names`: these, in this order. Raises KeyError for another name."""
    declared = settings_of(config)
    return tuple(
        Option(
            name,
            None if field.default is MISSING else field.default,
            asked.help,
            asked.group,
            asked.parse,
            asked.choices,
            asked.metavar,
        )
        for name, (field, asked) in ((name, declared[name]) for name in names or declared)
    )


def configured(config: type[Config], values: Mapping[str, Any], **beside: object) -> Config:
    """The configuration with those of the values that it declares; `beside`: what it takes and nobody sets."""
    return config(**{name: values[name] for name in settings_of(config)}, **beside)


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


def resolve(options: Sequence[Option], given: Mapping[str, Any], config_file: str | None) -> dict[str, Resolved]:
    """The value and origin of every option.

    Raises StrataError for unknown keys, bad values and what only the command line may set.
    """
    from_file = _read_config(Path(config_file), options) if config_file else {}
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


def _typed(option: Option, value: Any, where: str) -> Any:
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


def _one(option: Option, value: Any, where: str) -> Any:
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


def _read_config(file: Path, options: Sequence[Option]) -> dict[str, Any]:
    try:
        text = file.read_text()
        values = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise StrataError(f"--config {file} can't be read ({error.strerror})", "Check the path") from error
    except ValueError as error:
        raise StrataError(f"--config {file} is not valid {file.suffix[1:] or 'TOML'} ({error})", "Mend it") from error
    if isinstance(values, dict) and str(values.get("schema", "")).startswith("strata.manifest/"):
        values = values.get("options", {})
    if not isinstance(values, dict):
        raise StrataError(f"--config {file} holds no table of options", "Write option = value lines")
    known = {option.name for option in options}
    normal = {str(key).replace("-", "_"): value for key, value in values.items()}
    for key in normal:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise StrataError(
                f"{file}: there is no option {key!r}",
                f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}",
            )
    return normal


def _shown_default(option: Option) -> str:
    if option.default in (None, (), ""):
        return ""
    value = ",".join(map(str, option.default)) if isinstance(option.default, tuple) else option.default
    return f" (default: {value})"
