"""Is what a page's lists are set to read back as it was built, by the same names in Python and in the scripts?"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import strata.dashboards.page
from strata.dashboards.view.choice_names import choice, is_of_kind, of_family, of_item, of_kind, parts_of


def test_lists_without_a_choice_keep_their_place() -> None:
    assert choice("all", "knockout", "effect", None, "last") == "all|knockout|effect||last"
    assert parts_of(choice("all", "knockout", None)) == ("all", "knockout", "")


def test_a_kind_is_told_from_a_family_of_its_name() -> None:
    named = [of_kind("knowledge"), of_family("knowledge"), of_item("knowledge")]
    assert [is_of_kind(name) for name in named] == [True, False, False] and len(set(named)) == 3


def test_scripts_call_choices_the_same() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH to run the script with")
    script = Path(strata.dashboards.page.__path__[0], "assets", "choices.js").read_text(encoding="utf-8")
    asked = "[choiceName('a', '', 'b'), choiceParts('a||b'), ofFamily('sums'), ofItem('sums')]"
    told = subprocess.run(
        [node, "-e", f"{script}\nconsole.log(JSON.stringify({asked}))"], capture_output=True, check=True
    )
    assert json.loads(told.stdout) == [choice("a", None, "b"), ["a", "", "b"], of_family("sums"), of_item("sums")]
