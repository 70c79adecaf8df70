"""Which sites does a person mean? Names with or without a block, such as `mlp_out`, `mlp_out.7` or `("mlp_out", 7)`."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from strata.probes.arguments.whole_numbers import as_whole_number, whole_numbers
from strata.probes.backends.contract import SITE_NAMES, Site, streams_of
from strata.probes.errors import StrataError

STREAMS = "streams"
SiteGiven = str | tuple[str, int] | Site
Sites = SiteGiven | Sequence[SiteGiven]
"""`streams`, a site's name for all blocks, one for a single block (`mlp_out.7`, `("mlp_out", 7)`), or several of these."""


def sites_of(given: Sites | None, n_layers: int, layers: int | Iterable[int] | None = None) -> tuple[Site, ...]:
    """The sites meant, in the order given, each once; streams 0..L when None.

    `layers` picks the blocks (for `streams`: the streams, 0..L) of sites that are named without one.
    Raises StrataError for a site or a block the model lacks.
    """
    chosen = None if layers is None else whole_numbers("layers", layers)
    if chosen is not None and not chosen:
        raise StrataError("No layers were given", "Give at least one, or leave layers out")
    asked = [STREAMS] if given is None else [given] if isinstance(given, str) or _is_pair(given) else list(given)
    sites = tuple(dict.fromkeys(site for entry in asked for site in _expanded(entry, n_layers, chosen)))
    if not sites:
        raise StrataError("No sites were given", f"Choose among: {_KNOWN}")
    return sites


def site_label(site: Site) -> str:
    """`mlp_out.7`: what `sites_of` reads."""
    return f"{site.name}.{site.layer}"


def stream_of(site: Site, n_layers: int) -> int | None:
    """The number 0..L of the stream at `site`; None for a site that isn't a stream of `streams_of`."""
    streams = streams_of(n_layers)
    return streams.index(site) if site in streams else None


_KNOWN = ", ".join((STREAMS, *SITE_NAMES))


def _is_pair(given: Any) -> bool:
    """`("mlp_out", 7)` is one site, `("mlp_out", "attn_out")` are two."""
    return (
        isinstance(given, tuple)
        and len(given) == 2
        and isinstance(given[0], str)
        and as_whole_number(given[1]) is not None
    )


def _expanded(entry: Any, n_layers: int, layers: list[int] | None) -> Iterator[Site]:
    if _is_pair(entry):
        yield _site(entry[0], operator.index(entry[1]), n_layers)
        return
    if not isinstance(entry, str):
        raise StrataError(f"{entry!r} is no site", f"Write a name, or (name, block); names are: {_KNOWN}")
    if entry == STREAMS:
        streams = streams_of(n_layers)
        for number in range(len(streams)) if layers is None else layers:
            if not 0 <= number <= n_layers:
                raise StrataError(f"There is no stream {number}", f"This model has streams 0 to {n_layers}")
            yield streams[number]
        return
    name, dot, block = entry.partition(".")
    if dot:
        if not block.isdecimal():
            raise StrataError(f"There is no site {entry!r}", "Write the block as a number: mlp_out.7")
        yield _site(name, int(block), n_layers)
        return
    for layer in range(n_layers) if layers is None else layers:
        yield _site(name, layer, n_layers)


def _site(name: str, layer: int, n_layers: int) -> Site:
    site_name = next((known for known in SITE_NAMES if known == name), None)
    if site_name is None:
        raise StrataError(f"There is no site {name!r}", f"Choose among: {_KNOWN}")
    if not 0 <= layer < n_layers:
        raise StrataError(f"There is no block {layer} for {name}", f"This model has blocks 0 to {n_layers - 1}")
    return Site(site_name, layer)
