"""Does no script of a page compare or parse a sentence?"""

from __future__ import annotations

import pytest
from script_sentences import compared_in_script
from source_tree import ROOT


def test_no_script_of_a_page_compares_a_sentence() -> None:
    scripts = [path for path in (ROOT / "dashboards").glob("*/assets/*.js") if not path.name.startswith("plotly")]
    found = {path.name: compared_in_script(path.read_text(encoding="utf-8")) for path in scripts}
    assert len(scripts) > 15 and {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize(
    "script",
    [
        "if (blank !== 'not run') f();",
        "if ('not run' === blank) f();",
        "if (blank == `not run`) f();",
        "said.startsWith('answer of ')",
        "label.replace('Control', '')",
        'said.lastIndexOf("made by")',
        "said.match(/made by (.+) at/)",
        "/^no place/i.test(said)",
        "switch (said) { case 'not run': f(); }",
        "['not run', 'not asked'].includes(said)",
        "const WHY = 'not run';\nif (said === WHY) f();",
        "const WHY = 'not run';\nif (said.includes(WHY)) f();",
    ],
)
def test_a_compared_sentence_is_seen(script: str) -> None:
    assert compared_in_script(script) != []


@pytest.mark.parametrize(
    "script",
    [
        "if (blank !== 'not_run') f();",
        "// said === 'not run'",
        "say('not run', a === b)",
        "text.split(' / ')",
        "/[a-z]+ \\d/.test(said)",
        "const WIDE = 'wide';\nif (width === WIDE) f();",
        "unique(['no place', 'not made'].map(f))",
    ],
)
def test_codes_signs_and_comments_are_no_sentences(script: str) -> None:
    assert compared_in_script(script) == []
