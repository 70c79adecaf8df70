"""Do the templates escape whatever a view says, refuse what it lacks, and are they all used?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from strata.dashboards.page.drawing_scales import change_limit, change_x
from strata.dashboards.page.escaping import prose
from strata.dashboards.page.templates import environment, macro, render

PAGE = Path(__file__).parents[3] / "dashboards" / "page"
HOSTILE = "<script>\"x'&\x00\u202e"


def test_every_value_is_escaped_and_made_visible() -> None:
    mark = macro("kind_mark", "shared/marks.html", HOSTILE)
    assert mark.count("&lt;script&gt;&quot;x&#x27;&amp;\\x00⟨U+202E⟩") == 2 and "<script" not in mark
    facts = macro("fact_list", "shared/marks.html", [(HOSTILE, HOSTILE)])
    assert facts.count("&lt;script&gt;") == 2 and "<script" not in facts


def test_only_what_a_template_writes_itself_is_called_safe() -> None:
    for path in sorted((PAGE / "templates").rglob("*.html")):
        for before in re.findall(r"(.)\s*\|\s*safe\b", path.read_text(encoding="utf-8")):
            assert before in "\"'", path.name
        assert "autoescape" not in path.read_text(encoding="utf-8"), path.name


def test_a_field_that_a_view_lacks_is_an_error_and_no_blank() -> None:
    with pytest.raises(UndefinedError):
        render("lens_map.html", model="m", tokens=[], facts=[], entry={"n_tokens": 1})


def test_a_name_that_a_view_shares_with_its_mapping_is_an_error() -> None:
    with pytest.raises(TypeError, match="in brackets"):
        environment().from_string("{{ bin.items }}").render(bin={"items": 3})


def test_every_template_is_whole_and_used() -> None:
    names = environment().list_templates()
    texts = [path.read_text(encoding="utf-8") for path in (PAGE / "templates").rglob("*.html")]
    texts += [path.read_text(encoding="utf-8") for path in PAGE.parent.rglob("*.py")]
    for name in names:
        environment().get_template(name)
        assert any(f'"{name}"' in text for text in texts), name
    assert len(names) > 20


def test_changes_are_drawn_on_a_range_that_holds_them_and_no_larger_than_need_be() -> None:
    def of(low: float | None, value: float, high: float | None) -> dict[str, dict[str, float | None] | None]:
        return {"change": {"value": value, "low": low, "high": high}, "difference_in_differences": None}

    assert change_limit([of(-0.04, -0.02, 0.01), of(None, 0.12, None)]) == 0.2
    assert change_limit([of(-0.9, -0.5, 0.1)]) == 1.0 and change_limit([]) == 1.0
    assert change_x(0.2, 0.2) - change_x(0, 0.2) == change_x(1, 1) - change_x(0, 1)


def test_a_family_of_problems_stands_apart_from_its_models_and_they_from_each_other() -> None:
    family = {
        "family": "modular", "about": "families that were never trained on", "right": {"base": "0 of 3", "distilled": "1 of 3"},
        "no_answer": {"base": 2, "distilled": 0}, "asked": [],
    }  # fmt: skip
    table = macro("problems", "comparison/problems.html", [family], ["base", "distilled"])
    said = re.sub(r"<[^>]+>", "", re.search(r"<summary>(.*)</summary>", table, re.S)[1])
    assert said == "modular (families that were never trained on): base 0 of 3 (2 without an answer) · distilled 1 of 3"


def test_commands_in_a_sentence_are_set_as_code() -> None:
    assert prose("Start `strata locate` with --per-family 3 & `<b>`") == (
        'Start <code>strata locate</code> with <span class="option">--per-family</span> 3 &amp; <code>&lt;b&gt;</code>'
    )
    assert prose("a lone ` stays") == "a lone ` stays"
