"""Does a shared link say the finding and show its picture, under any address, whatever a model is called?"""

from __future__ import annotations

import html.parser
import json
from pathlib import Path

import pytest

from strata.dashboards.page.page_context import Link, checked_address, of_model
from strata.dashboards.sentences.shared_link import DESCRIPTION, link_description, link_title, shortened
from strata.probes.errors import StrataError


def metas(page: Path) -> dict[str, str]:
    found: dict[str, str] = {}

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            name = given.get("property") or given.get("name")
            if tag == "meta" and name:
                found[name] = given.get("content") or ""

    Reader().feed(page.read_text(encoding="utf-8"))
    return found


def test_the_title_says_the_finding_and_the_picture_lies_beside(report: Path, comparison: Path) -> None:
    for page in (report, comparison):
        view, said = json.loads((page.parent / "view.json").read_text()), metas(page)
        finding = view["verdict"].get("headline") or view["verdict"]["sentences"][0]["head"]
        assert said["og:title"].startswith(finding[:60]) and said["og:title"] == said["twitter:title"]
        assert f"<title>{said['og:title'][:40]}" in page.read_text(encoding="utf-8")
        assert f"{len(view['verdict']['caveats'])} caveats." in said["og:description"]
        assert len(said["og:description"]) <= DESCRIPTION and said["twitter:card"] == "summary_large_image"
        assert said["og:image"] == "preview.png" and (page.parent / said["og:image"]).read_bytes()[:4] == b"\x89PNG"
        assert (said["og:image:width"], said["og:image:height"]) == ("1200", "630") and said["og:image:alt"]
        assert "og:url" not in said


def test_under_an_address_the_picture_has_its_whole_one() -> None:
    link = Link("t", "d", "preview.png").at(checked_address("https://example.org/runs/demo"))
    assert link.picture == "https://example.org/runs/demo/preview.png"
    assert link.address == "https://example.org/runs/demo/report.html"
    around = of_model("base", ("base", "distilled"), link.address)
    assert around.address == "https://example.org/runs/demo/base/report.html"
    assert [(page.name, page.href) for page in around.pages] == [
        ("base", None), ("distilled", "../distilled/report.html"), ("comparison", "../report.html"),
    ]  # fmt: skip
    for bad in ("runs/demo", "file:///etc", "javascript:alert(1)", "https://"):
        with pytest.raises(StrataError, match="no address of a page"):
            checked_address(bad)


def test_sentences_stay_whole_and_titles_end_between_words() -> None:
    long = "A sentence that goes on " + "and on " * 50 + "."
    assert link_description(["Short.", long, "Never reached."], 2) == "Short. 2 caveats."
    assert link_title("One two three", ["m\x00", "/home/someone/x"]) == "One two three · m\\x00 → …/x"
    assert shortened("word " * 40, 20) == "word word word…" and len(shortened("x" * 99, 20)) == 20
