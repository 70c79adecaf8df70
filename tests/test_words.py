"""Do code, pages and docs use the field's words alone, and is every sentence of the docs finished?

The table of `CHANGELOG.md` says what each earlier word is called now. Those that are also everyday English, such as
`opening` or `at once`, aren't looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("probes", "experiments", "dashboards", "strata", "tests", "docs")
SUFFIXES = {".py", ".md", ".html", ".js", ".css", ".toml", ".tsv", ".cff", ""}
EARLIER_WORDS_STAND_IN = (
    "CHANGELOG.md",  # the table itself
    "experiments/run/summary_version_1.py",  # keys of summary.json version 1
    "docs/architectures.md",  # names of other people's architectures
    "dashboards/page/assets/plotly",  # somebody else's file
    "probes/checkpoints/adapters/",  # made before, and hashed
    "tests/test_words.py",
)
EARLIER_WORDS = re.compile(
    r"""(?<![a-z0-9])(
        interchanges? | removals? | graft(s|ed|ing)? | foil[ -]prompts? | thoughts | lenders? | lent | lends?
        | stand-?ins? | wordings? | dials? | hand[ _-]?wired | left[ _]out | popular[ _]story | beyond[ _]the[ _]twin
        | standing[ _]mass | norm[ _-]matched(?![ _-]noise)
    )(?![a-z0-9])""",
    re.IGNORECASE | re.VERBOSE,
)
UNFINISHED = re.compile(r"^\W*[A-Z_]{4,}\W*$|\b(TODO|TBD|FIXME|XXX)\b", re.MULTILINE)


def files() -> Iterator[Path]:
    for path in (*ROOT.iterdir(), *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")))):
        if path.is_file() and path.suffix in SUFFIXES and not path.name.startswith("."):
            yield path


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_no_earlier_word_is_left(folder: str) -> None:
    left = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if (name.partition("/")[0] if "/" in name else "") != folder or name.startswith(EARLIER_WORDS_STAND_IN):
            continue
        lines = [name, *path.read_text(encoding="utf-8").splitlines()]
        left += [f"{name}:{at}: {match[0]}" for at, line in enumerate(lines) for match in EARLIER_WORDS.finditer(line)]
    assert left == []


def test_the_words_are_found_in_names_and_in_sentences() -> None:
    for text in ("a lent block", "answers_lent", "Foil prompts", "norm_matched", "left_out", "hand-wired", "Dial"):
        assert EARLIER_WORDS.search(text), text
    for text in (
        "silent",
        "foil_prompt",
        "norm_matched_noise",
        "norm-matched noise",
        "dialog",
        "leave out",
        "reworded",
    ):
        assert not EARLIER_WORDS.search(text), text


def test_no_page_of_text_holds_a_placeholder() -> None:
    pages = [path for path in files() if path.suffix == ".md" and path.parts[len(ROOT.parts)] in ("docs", path.name)]
    assert len(pages) > 6
    placeholders = {
        path.name: [match[0] for match in UNFINISHED.finditer(path.read_text(encoding="utf-8"))] for path in pages
    }
    assert {name: matches for name, matches in placeholders.items() if matches} == {}
    assert UNFINISHED.search("before\nTIMES\nafter")
