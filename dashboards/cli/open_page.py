"""When does a finished page open by itself? Where it was asked for and a person sits in front of a browser of this machine."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def page_opener(asked: bool) -> Callable[[Path], object]:
    """Opens the page it is given; does nothing where that isn't `asked` for, stdout isn't a terminal, or there is no display.

    To be made before stdout is turned elsewhere.
    """
    return _open if asked and sys.stdout.isatty() and has_display(os.environ, sys.platform) else _leave


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser that is opened now would appear before whoever typed the command."""
    if environment.get("CI"):
        return False
    if any(environment.get(name) for name in _DISPLAYS):
        return True
    # Windows and macOS have no such variable; over ssh their browser opens on a desk where nobody may sit.
    return platform in ("darwin", "win32") and not environment.get("SSH_CONNECTION")


def _open(page: Path) -> None:
    try:
        browser = webbrowser.get()
        # A plain GenericBrowser is one of the terminal (lynx, w3m): it would take the terminal over and show no figure.
        if type(browser) is not webbrowser.GenericBrowser:
            browser.open(page.resolve().as_uri())
    except (webbrowser.Error, OSError):
        # The line that names the page stands in the terminal as well.
        return


def _leave(page: Path) -> None:
    """Its path is printed, that is enough."""
