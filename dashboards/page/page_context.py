"""What lies around a page: the address at which it will be read, and the pages of the other models beside it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from strata.dashboards.figures.preview import HEIGHT, WIDTH
from strata.probes.errors import StrataError


@dataclass(frozen=True)
class Link:
    """What is said where a link to a page is shared."""

    title: str
    description: str
    picture: str | None = None
    """Its address, seen from the page or in full."""
    picture_says: str = ""
    address: str | None = None
    """The page's own, where it is known."""
    width: int = WIDTH
    height: int = HEIGHT

    def at(self, address: str | None) -> Link:
        """The same on a page that stands at an address: most services follow only a whole address of a picture."""
        if address is None:
            return self
        whole = None if self.picture is None else urljoin(address, self.picture)
        return Link(self.title, self.description, whole, self.picture_says, address, self.width, self.height)


@dataclass(frozen=True)
class PageBeside:
    """A page to which one can go over without losing what is looked at."""

    name: str
    href: str | None
    """None: this page."""
    of_model: bool = True


@dataclass(frozen=True)
class PageContext:
    """Of one page."""

    address: str | None = None
    """Where it will be read; None: not said."""
    pages: tuple[PageBeside, ...] = ()
    """Of the comparison that it belongs to, itself included."""


ALONE = PageContext()


def of_model(role: str, roles: Sequence[str], address: str | None) -> PageContext:
    """Of the page of one model inside of a comparison. `address`: of the comparison's page."""
    pages = [PageBeside(name, None if name == role else f"../{name}/report.html") for name in roles]
    own = None if address is None else urljoin(address, f"{role}/report.html")
    return PageContext(own, (*pages, PageBeside("comparison", "../report.html", of_model=False)))


def checked_address(address: str | None) -> str | None:
    """Of the page, from that of its folder or its own. Raises StrataError for what is no address on the web."""
    if address is None:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise StrataError(f"--url {address} is no address of a page", "Give one like https://example.org/runs/demo/")
    return address if parts.path.endswith(".html") else urljoin(f"{address.rstrip('/')}/", "report.html")
