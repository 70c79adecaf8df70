"""Do all examples of Strata run? Every `>>>` of its docstrings, every Python block of its pages of text.

A program, not a test: run inside an environment into which Strata was installed, in a person's own directory. Writes one
JSON object: how many examples each docstring and page has, and what failed.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import re
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_BLOCK = re.compile(r"^```(?:python|pycon)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def modules_with_examples(package: Any) -> Iterator[Any]:
    """Modules of the package that hold a `>>>`, imported; the others are only read."""
    (root,) = map(Path, package.__path__)
    for file in sorted(root.rglob("*.py")):
        if ">>> " in file.read_text(encoding="utf-8"):
            inside = file.relative_to(root).with_suffix("").parts
            yield import_module(".".join((package.__name__, *inside)).removesuffix(".__init__"))


def docstring_failures(module: Any) -> Iterator[tuple[str, int, str]]:
    """(docstring's name, number of examples, what failed). Each starts from nothing, as a reader who copies it does."""
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs={}):
        if test.examples:
            report = io.StringIO()
            doctest.DocTestRunner(optionflags=_FLAGS, verbose=False).run(test, out=report.write)
            skipped = [example for example in test.examples if doctest.SKIP in example.options]
            yield test.name, len(test.examples), report.getvalue() + ("holds a skipped example" if skipped else "")


def page_failures(page: Path) -> tuple[int, str]:
    """The Python blocks of a page share their names, as the cells of one notebook."""
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    for block in blocks:
        report = io.StringIO()
        if ">>> " in block:
            test = doctest.DocTestParser().get_doctest(block, names, page.name, str(page), 0)
            doctest.DocTestRunner(optionflags=_FLAGS, verbose=False).run(test, out=report.write, clear_globs=False)
            names.update(test.globs)
        else:
            try:
                exec(compile(block, str(page), "exec"), names)
            except Exception:
                report.write(f"{block}\n{traceback.format_exc()}")
        if report.getvalue():
            return len(blocks), report.getvalue()
    return len(blocks), ""


def open_each_model_once() -> None:
    """A dozen examples begin by opening the same model, which is never changed."""
    from strata.probes.checkpoints import open_spec

    opened: dict[str, Any] = {}
    plain = open_spec._open

    def once(spec: str, device: str, how: Any, progress: Any) -> Any:
        asked = f"{spec} {device} {how}"
        if asked not in opened:
            opened[asked] = plain(spec, device, how, progress)
        return opened[asked]

    open_spec._open = once


def main() -> None:
    import strata

    open_each_model_once()
    # The names of our folders, which must stay free for a person's own packages.
    own_packages = [import_module(name) for name in ("probes", "experiments", "dashboards")]
    report: dict[str, Any] = {
        "strata": strata.__file__,
        "theirs": [getattr(package, "WHOSE", None) for package in own_packages],
        "docstrings": {}, "pages": {}, "failures": {},
    }  # fmt: skip
    # What examples print by themselves, progress of a download too, is none of this program's own words.
    with contextlib.redirect_stdout(sys.stderr):
        for module in modules_with_examples(strata):
            for name, count, failure in docstring_failures(module):
                report["docstrings"][name] = count
                if failure:
                    report["failures"][name] = failure
        for page in sorted(Path("pages").rglob("*.md")):
            count, failure = page_failures(page)
            report["pages"][str(page.relative_to("pages"))] = count
            if failure:
                report["failures"][str(page)] = failure
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
