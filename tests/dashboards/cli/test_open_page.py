"""A page opens by itself only where it was asked for and somebody can see it."""

from __future__ import annotations

import io
import sys
import webbrowser
from pathlib import Path

import pytest

from strata.dashboards.cli.open_page import has_display, page_opener


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Browser(webbrowser.BaseBrowser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.opened.append(url)
        return True


def at_a_desk(monkeypatch: pytest.MonkeyPatch) -> Browser:
    """From now on stdout is a terminal, and there is a display and a browser; no fixture, since pytest sets stdout anew before each test."""
    browser = Browser()
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("CI", raising=False)
    return browser


def test_at_a_desk_the_page_opens_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = at_a_desk(monkeypatch)
    page_opener(asked=True)(tmp_path / "a run" / "report.html")
    assert browser.opened == [f"{tmp_path.as_uri()}/a%20run/report.html"]


@pytest.mark.parametrize("lacks", ["the wish", "a terminal", "a display", "a person"])
def test_nothing_opens_where_something_lacks(lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = at_a_desk(monkeypatch)
    if lacks == "a terminal":
        monkeypatch.setattr(sys, "stdout", io.StringIO())
    if lacks == "a display":
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.setattr(sys, "platform", "linux")
    if lacks == "a person":
        monkeypatch.setenv("CI", "true")
    page_opener(asked=lacks != "the wish")(tmp_path / "report.html")
    assert browser.opened == []


def test_a_browser_of_the_terminal_or_none_at_all_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_desk(monkeypatch)
    lynx = webbrowser.GenericBrowser("lynx")
    monkeypatch.setattr(lynx, "open", lambda url: pytest.fail("it would take the terminal over"))
    monkeypatch.setattr(webbrowser, "get", lambda: lynx)
    page_opener(asked=True)(tmp_path / "report.html")

    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    page_opener(asked=True)(tmp_path / "report.html")


@pytest.mark.parametrize(
    ("platform", "environment", "there"),
    [
        ("linux", {}, False),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"SSH_CONNECTION": "a b"}, False),
        ("linux", {"SSH_CONNECTION": "a b", "DISPLAY": "localhost:10.0"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "a b"}, False),
        ("win32", {}, True),
        ("win32", {"CI": "true"}, False),
    ],
)
def test_a_display_is_where_the_person_is(platform: str, environment: dict[str, str], there: bool) -> None:
    assert has_display(environment, platform) is there
