"""Is every file that CONTRIBUTING.md sends a reader to still there?"""

from __future__ import annotations

import re

from source_tree import ROOT

PATH = re.compile(r"(?<![\w/])((?:probes|experiments|dashboards|tests|docs)/[\w/.-]*\w)(?![\w/|…])")


def test_every_named_file_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {path for path in PATH.findall(text) if "_NAME" not in path}
    assert len(named) > 25
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
