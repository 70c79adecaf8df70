"""Every setting is declared once: what the terminal and Python take is what the configurations declare."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from strata.dashboards.cli import verb_compare, verb_distill, verb_locate, verb_probe
from strata.dashboards.cli.options import configured, options_of
from strata.dashboards.notebook.options import ComparingOptions, MeasuringOptions
from strata.experiments.compare.config import CompareConfig
from strata.experiments.distill.config import DistillConfig
from strata.experiments.locate.config import LocateConfig
from strata.experiments.probe.config import ProbeConfig
from strata.experiments.setting import settings_of

CONFIGURATIONS = (
    (verb_locate, LocateConfig, {"prompt_prefix", "paired_with"}),
    (verb_compare, CompareConfig, {"locate", "swap_sweeps"}),
    (verb_probe, ProbeConfig, set()),
    (verb_distill, DistillConfig, set()),
)


@pytest.mark.parametrize(("verb", "config", "decided_elsewhere"), CONFIGURATIONS)
def test_the_terminal_takes_every_setting_with_its_declared_default(
    verb: Any, config: type, decided_elsewhere: set[str]
) -> None:
    taken = {option.name: option for option in verb.OPTIONS}
    declared = settings_of(config)
    assert {field.name for field in fields(config)} - set(declared) == decided_elsewhere
    assert all(taken[option.name] == option for option in options_of(config))


def test_python_takes_settings_only() -> None:
    assert set(MeasuringOptions.__annotations__) <= set(settings_of(LocateConfig))
    assert set(ComparingOptions.__annotations__) == set(settings_of(CompareConfig))


def test_a_configuration_takes_the_values_it_declares() -> None:
    values = {option.name: option.default for option in verb_locate.OPTIONS} | {"seed": 7}
    assert configured(LocateConfig, values) == LocateConfig(seed=7)
    with pytest.raises(KeyError, match="nothing"):
        options_of(LocateConfig, "nothing")
