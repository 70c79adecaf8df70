"""Does every recipe of docs/own-items.md run as it stands there, and give the items that the page shows?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strata.dashboards.cli.main import main

PAGE = Path(__file__).parents[4] / "docs" / "own-items.md"
_PIECE = re.compile(r"`([\w.-]+\.(?:json|jsonl|csv|toml))`|^```(\w+)\n(.*?)^```|^`strata items import (\S+) --mapping (\S+)`:$", re.M | re.S)  # fmt: skip


@dataclass
class Recipe:
    """One import with what it reads and what it shows."""

    table: str
    mapping: str
    files: dict[str, str]
    shown: list[dict[str, Any]] = field(default_factory=list)


def recipes() -> list[Recipe]:
    """A block belongs to the file that was named last before it, or to the command."""
    found: list[Recipe] = []
    files: dict[str, str] = {}
    named, waiting = "", False
    for name, language, block, table, mapping in _PIECE.findall(PAGE.read_text(encoding="utf-8")):
        if table:
            found.append(Recipe(table, mapping, dict(files)))
            waiting = True
        elif language and waiting:
            found[-1].shown = json.loads(block)
            waiting = False
        elif language and named:
            files[named] = block
            named = ""
        elif name:
            named = name
    return found


def test_the_page_has_its_recipes() -> None:
    assert [recipe.mapping for recipe in recipes()] == [
        "ravel-country.toml", "pubmedqa-with-abstract.toml", "medmcqa.toml", "medmcqa-letters.toml", "mmlu-redux.toml",
    ]  # fmt: skip


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.mapping)
def test_a_recipe_gives_the_items_it_shows(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (recipe.table, recipe.mapping):
        (tmp_path / name).write_text(recipe.files[name], encoding="utf-8")
    assert main(["items", "import", recipe.table, "--mapping", recipe.mapping, "--out", "items.jsonl"]) == 0
    items = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    assert recipe.shown
    for number, wanted in enumerate(recipe.shown):
        assert {name: items[number].get(name) for name in wanted} == wanted
