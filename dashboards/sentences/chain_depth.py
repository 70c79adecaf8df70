"""What does each link of a chain lose, beyond what a longer question loses? The same for the terminal and the page."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, listed, number, stream_range, two_digits
from strata.dashboards.sentences.confidence import estimated
from strata.experiments.results.chain_depth import ChainDepth, ChainFit, HopReadable, WhyNoChains

WALKED, FILLER, OTHER_END = "asked over all links", "over the last link, as long", "the other chain's end"
"""What lines are called."""
FITTED = "c (1 − p)^d"
LINKS, SHARE, ADVANTAGE = "links", "share named first", "log P(this chain) − log P(the other) (nats)"
"""Axes."""
NEITHER = "neither chain's"
"""What the horizontal line says."""
NOT_ANSWERED = "the right end isn't surely named more often than the other chain's"


def over_links(depth: int) -> str:
    """What chains of a depth are called."""
    return f"over {count(depth, 'link')}"


def hop_name(hop: int) -> str:
    """What a link's line is called."""
    return f"link {hop}"


def chain_aria(depth: int, n_layers: int) -> str:
    """Of the figure."""
    return (
        f"Share of chains whose right end is named, by number of links from 1 to 5, beside as long questions over one link; and for chains "
        f"{over_links(depth)} how readable each link's end is at streams 0 to {n_layers}."
    )


def why_no_chains_words(why: WhyNoChains) -> str:
    """As a clause."""
    match why:
        case "not-asked":
            return "no chains were asked for"
        case "own-items":
            return "only the items given were asked"
        case "no-pairs":
            return "under this tokenizer no two questions of one length could be made of a chain"
        case _:
            assert_never(why)


def chain_depth_sentences(found: ChainDepth, n_layers: int) -> list[str]:
    """The number first, then the shares it comes from, then where links can be read."""
    return [
        _number(found),
        _shares(found),
        *([] if found.fit is None else [_fit(found.fit)]),
        _streams(found, n_layers),
    ]


def _number(found: ChainDepth) -> str:
    fit = found.fit
    if fit is None:
        return "Depth of a chain: nothing can be said, no end was named rightly over links or behind filler."
    loses = (
        f"each link loses {estimated(fit.lost)} of the right answers, as much filler {estimated(fit.filler_lost)}, which leaves "
        f"{estimated(fit.beyond_filler)}"
    )
    match found.verdict:
        case "links-cost":
            return f"Depth of a chain: walking costs, {loses}."
        case "length-costs":
            return f"Depth of a chain: success falls, but not surely beyond what a longer question loses; {loses}."
        case "flat":
            return f"Depth of a chain: success doesn't surely fall with links; {loses}."
        case "not-answered":
            return (
                f"Depth of a chain: no claim, over one link {NOT_ANSWERED} ({estimated(found.depths[0].right)} against "
                f"{number(found.depths[0].other_end.value)}); {loses}."
            )
        case _:
            assert_never(found.verdict)


def _shares(found: ChainDepth) -> str:
    shares = [
        f"{one.depth}: {number(one.right.value)} ({number(one.filler.value)}, {number(one.other_end.value)})"
        for one in found.depths
    ]
    items = ", ".join(str(one.items) for one in found.depths)
    return f"Named first by number of links (behind filler as long, the other chain's end): {'; '.join(shares)}; {items} chains."


def _fit(fit: ChainFit) -> str:
    described = "describes how it falls" if fit.describes else "doesn't describe how it falls"
    return (
        f"success(d) = c (1 − p)^d with c {estimated(fit.start)}, p {estimated(fit.lost)}: likelihood ratio against flat {number(fit.ratio, 1)} "
        f"(p = {two_digits(fit.p_flat)} of permuted depths); the formula {described} (deviance {number(fit.deviance, 1)}, p = {two_digits(fit.p_fit)})."
    )


def _streams(found: ChainDepth, n_layers: int) -> str:
    if not found.hops:
        return f"By stream: nothing is said, {NOT_ANSWERED}."
    by_depth = [
        f"{over_links(depth)} {listed([_readable(hop) for hop in found.hops if hop.depth == depth])}"
        for depth in dict.fromkeys(hop.depth for hop in found.hops)
    ]
    return f"By stream (0–{n_layers}), who a link reaches is readable: {'; '.join(by_depth)}."


def _readable(hop: HopReadable) -> str:
    if hop.stream is None:
        return f"{hop_name(hop.hop)} at no stream"
    band = "" if hop.interval is None else f" [{stream_range(*hop.interval)}]"
    return f"{hop_name(hop.hop)} from {hop.stream}{band}"
