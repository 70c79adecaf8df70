"""Options: the nearest source wins, its origin is shown, and a wrong key or value names its remedy."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path

import pytest

from strata.dashboards.cli.options import Option, add_options, config_lines, resolve
from strata.dashboards.quick_settings import QUICK_COMPARE, QUICK_FAMILIES
from strata.experiments.declared_setting import positive
from strata.experiments.items.builtin import DEFAULT, chosen
from strata.experiments.statistics.family_samples import FAMILIES_AS_UNITS
from strata.probes.errors import StrataError

OPTIONS = (
    Option("seed", 0, "seed", parse=int),
    Option("per_family", 48, "items", parse=positive),
    Option("lenses", ("logit",), "lenses", choices=("logit", "tuned")),
    Option("random_init", True, "baseline"),
    Option("text", None, "file"),
)


def given(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_options(parser, OPTIONS)
    values = vars(parser.parse_args(words))
    return {name: value for name, value in values.items() if name not in ("config", "print_config")}


def test_command_line_beats_environment_beats_file_beats_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "strata.toml"
    file.write_text('seed = 1\nper-family = 2\ntext = "a"\n')
    monkeypatch.setenv("STRATA_SEED", "3")
    monkeypatch.setenv("STRATA_TEXT", "b")
    resolved = resolve(OPTIONS, given("--text", "c"), str(file))
    assert {name: entry.value for name, entry in resolved.items()} == {
        "seed": 3, "per_family": 2, "lenses": ("logit",), "random_init": True, "text": "c",
    }  # fmt: skip
    assert [resolved[name].origin for name in ("text", "seed", "per_family", "lenses")] == [
        "command line", "environment STRATA_SEED", str(file), "default",
    ]  # fmt: skip


def test_an_unknown_key_in_the_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    file = tmp_path / "strata.toml"
    file.write_text("per_famly = 3\n")
    with pytest.raises(StrataError, match=r"no option 'per_famly'\. Did you mean per_family\?"):
        resolve(OPTIONS, {}, str(file))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--per-family", "0"), "--per-family is '0'. It must be at least 1."),
        (("--per-family", "many"), "--per-family is 'many'"),
        (("--lenses", "logit,tunde"), "Did you mean tuned"),
    ],
)
def test_a_bad_value_names_its_option(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(StrataError, match=message):
        resolve(OPTIONS, given(*words), None)


def test_switches_and_lists_read_from_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_LENSES", "logit, tuned")
    resolved = resolve(OPTIONS, given("--no-random-init"), None)
    assert resolved["random_init"].value is False
    assert resolved["lenses"].value == ("logit", "tuned")


def test_a_manifest_can_be_given_back_to_the_verb(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"schema": "strata.manifest/1", "options": {"seed": 9, "lenses": ["tuned"]}}))
    resolved = resolve(OPTIONS, {}, str(manifest))
    assert resolved["seed"].value == 9 and resolved["lenses"].value == ("tuned",)


def test_the_printed_configuration_is_a_configuration_file(tmp_path: Path) -> None:
    resolved = resolve(OPTIONS, given("--seed", "5", "--lenses", "tuned"), None)
    printed = config_lines(resolved)
    assert "# command line" in printed and "# default" in printed
    assert tomllib.loads(printed) == {"seed": 5, "per_family": 48, "lenses": ["tuned"], "random_init": True}


def test_a_missing_or_broken_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match="could not be read"):
        resolve(OPTIONS, {}, str(tmp_path / "absent.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = ")
    with pytest.raises(StrataError, match="no valid TOML"):
        resolve(OPTIONS, {}, str(broken))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_refused_wherever_it_comes_from(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (Option("warmth", 0.0, "of words", parse=float),)
    file = tmp_path / "options.toml"
    file.write_text(f"warmth = {value}")
    with pytest.raises(StrataError, match=r"--warmth .* It must be a finite number"):
        resolve(options, {"warmth": value}, None)
    with pytest.raises(StrataError, match="finite number"):
        resolve(options, {}, str(file))
    monkeypatch.setenv("STRATA_WARMTH", value)
    with pytest.raises(StrataError, match="STRATA_WARMTH"):
        resolve(options, {}, None)


def test_a_quick_look_asks_as_many_default_families_as_a_kind_needs_and_their_controls() -> None:
    assert set(QUICK_FAMILIES) < set(DEFAULT)
    kinds = [family.kind for family in chosen(QUICK_FAMILIES)]
    assert kinds.count("knowledge") == kinds.count("reasoning") == FAMILIES_AS_UNITS
    for families in (QUICK_FAMILIES, QUICK_COMPARE["families"]):
        assert {family.kind for family in chosen(families)} == {"knowledge", "reasoning", "control"}
        controls = {name for name in families if name.endswith("_stated")}
        matched = {name.removesuffix("_stated") for name in controls}
        assert matched <= set(families)
        assert {family.kind for family in chosen(tuple(matched))} == {"knowledge", "reasoning"}
