"""Every setting is declared once: what the terminal and Python take is what the configurations declare."""

from __future__ import annotations

import importlib
from dataclasses import fields, replace
from typing import Any

import pytest

from strata.dashboards.cli import verb_behave, verb_compare, verb_distill, verb_locate, verb_probe
from strata.dashboards.cli.main import VERBS
from strata.dashboards.cli.options import Option, made_of, options_of, resolve, values_of
from strata.dashboards.from_python.python_options import ComparingOptions, MeasuringOptions
from strata.experiments.behave.config import BehaveConfig
from strata.experiments.compare.config import CompareConfig
from strata.experiments.declared_setting import settings_of
from strata.experiments.distill.config import DistillConfig
from strata.experiments.locate.config import LocateConfig
from strata.experiments.probe.config import ProbeConfig
from strata.probes.errors import StrataError

CONFIGURATIONS = (
    (verb_locate, LocateConfig, {"prompt_prefix", "paired_with"}),
    (verb_compare, CompareConfig, {"locate", "swap_sweeps"}),
    (verb_probe, ProbeConfig, set()),
    (verb_distill, DistillConfig, set()),
    (verb_behave, BehaveConfig, {"prompt_prefix"}),
)


@pytest.mark.parametrize(("verb", "config", "decided_elsewhere"), CONFIGURATIONS)
def test_the_terminal_takes_every_setting_with_its_declared_default(
    verb: Any, config: type, decided_elsewhere: set[str]
) -> None:
    taken = {option.name: option for option in options_of(verb.Options)}
    declared = settings_of(config)
    assert {field.name for field in fields(config)} - set(declared) == decided_elsewhere
    assert all(taken[option.name] == option for option in options_of(config))


VERBS_WITH_OPTIONS = tuple(verb for verb in VERBS if verb != "report")
WITHOUT_PROGRESS = {"diff"}
"""Two summaries are read: there is nothing to wait for."""


@pytest.mark.parametrize("verb", VERBS_WITH_OPTIONS)
def test_the_options_of_a_verb_are_declared_once_and_typed(verb: str) -> None:
    declared = options_of(importlib.import_module(f"strata.dashboards.cli.verb_{verb}").Options)
    assert all(isinstance(option, Option) for option in declared)
    names = [option.name for option in declared]
    shown = {"json"} if verb in WITHOUT_PROGRESS else {"display", "json"}
    assert len(set(names)) == len(names) and shown <= set(names)


def test_python_takes_settings_only() -> None:
    assert set(MeasuringOptions.__annotations__) <= set(settings_of(LocateConfig))
    assert set(ComparingOptions.__annotations__) == set(settings_of(CompareConfig))


def test_a_verb_takes_the_values_it_declares_and_its_parts_take_theirs() -> None:
    values = {option.name: option.default for option in options_of(verb_locate.Options)} | {"seed": 7}
    made = made_of(verb_locate.Options, values)
    assert made.config == LocateConfig(seed=7) and made == replace(verb_locate.Options(), config=LocateConfig(seed=7))
    assert values_of(made) == values and list(values_of(made)) == list(values)
    compared = {option.name: option.default for option in options_of(verb_compare.Options)} | {"seed": 7, "samples": 1}
    assert made_of(verb_compare.Options, compared).config == CompareConfig(locate=LocateConfig(seed=7))
    with pytest.raises(KeyError, match="seed"):
        made_of(verb_locate.Options, {name: value for name, value in values.items() if name != "seed"})


def test_what_has_no_default_must_be_given() -> None:
    values = {name: entry.value for name, entry in resolve(options_of(verb_probe.Options), {}, None).items()}
    with pytest.raises(StrataError, match=r"--target is missing\. Give the field whose values are the labels"):
        made_of(verb_probe.Options, values)
