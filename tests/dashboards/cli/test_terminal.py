"""Whatever somebody else's text holds, a terminal obeys nothing in it, and a reader of JSON gets it back unchanged."""

from __future__ import annotations

import ast
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import escape
from source_tree import ROOT, sources

from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.cli.terminal import PlainConsole, say, write_json
from strata.dashboards.cli.terminal_tables import Column, print_matrix, print_table

ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x07\x08\r\n\t\x7f\u202e\u2066\u200b\ufeff\ud800[]/\\:"),
    )
)
MARKUP = (
    "[/]",
    "[bold]x",
    "[/bold]",
    "[link=file:///etc/passwd]x[/link]",
    ":smile:",
    escape("[red]x"),
    "\x1b]0;x\x07",
    "a\rb",
)


def obeyed(text: str) -> list[str]:
    """What of it is neither shown nor the end of a line."""
    return [sign for sign in text if sign != "\n" and not sign.isprintable()]


@given(ODD)
def test_an_escaped_sentence_is_one_printable_line(text: str) -> None:
    assert obeyed(escaped(text)) == [] and "\n" not in escaped(text)


@given(ODD)
def test_json_on_a_terminal_is_harmless_and_means_the_same(text: str) -> None:
    out = io.StringIO()
    write_json(out, {text: [text]})
    assert obeyed(out.getvalue()) == [] and json.loads(out.getvalue()) == {text: [text]}
    out.getvalue().encode()


@given(ODD)
def test_nothing_foreign_is_obeyed_in_lines_tables_and_matrices(text: str) -> None:
    out = io.StringIO()
    console = PlainConsole(out, width=60)
    console.print(f"family {text}")
    say(out, f"{escaped(text)} family")
    for draw in (print_table, print_matrix):
        draw(console, f"about {text}", [Column("name"), Column(text)], [(text, "1"), ("b", text)])
    assert obeyed(out.getvalue()) == []


@pytest.mark.parametrize("text", MARKUP)
def test_markup_in_a_name_is_shown_as_it_stands(text: str) -> None:
    out = io.StringIO()
    console = PlainConsole(out, width=200)
    console.print(f"<{text}>")
    print_table(console, text, [Column("name"), Column("n")], [(text, "1")])
    assert out.getvalue().count(escaped(text)) == 3


def test_only_one_file_of_the_command_line_writes_to_the_terminal() -> None:
    own = {"terminal.py", "main.py"}
    writers = [
        f"{file}:{node.lineno}"
        for file, tree in sources().items()
        if file.startswith("dashboards/cli/") and (ROOT / file).name not in own
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _writes(node.func)
    ]
    assert writers == []


def _writes(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in ("Console", "print")
    is_write = isinstance(function, ast.Attribute) and function.attr == "write"
    return is_write and ast.unparse(function.value) in ("stdout", "sys.stdout", "sys.stderr", "stderr")
