"""What success over one to five links of a chain says, beside as long a question over one link."""

from __future__ import annotations

from typing import Literal

from strata.experiments.results.estimates import Estimated
from strata.experiments.results.record import Record

ChainVerdict = Literal[
    "links-cost",  # success falls with links, and each loses more than as much filler does
    "length-costs",  # it falls, but not surely more than behind filler
    "flat",  # it doesn't surely fall
    "not-answered",  # over one link the right end isn't surely named more often than the other chain's
]
WhyNoChains = Literal[
    "not-asked",  # no chain problems were asked for
    "own-items",  # items came from a file or a list: only those are asked
    "no-pairs",  # under this tokenizer no chain and filler of one length, scored on different first tokens, were found
]
HOP_READABLE = (
    "first of three streams in a row at which the lower bound (95 %, divided among all links looked at) of log P(who this link "
    "reaches) − log P(who as many links of the other chain reach) lies above 0, at the token that predicts the answer"
)


class DepthRow(Record):
    """Chains of so many links."""

    depth: int
    items: int
    right: Estimated
    """Share whose likeliest next token, of all tokens, is the right end's."""
    filler: Estimated
    """The same asked over the last link, behind filler of the same length."""
    other_end: Estimated
    """Share whose likeliest next token is the end of the other chain, which stands in the prompt as well."""
    answered: bool
    """Whether the right end is surely named more often than that: only then streams are looked at."""


class ChainFit(Record):
    """`success(d) = c (1 − p)^d` by maximum likelihood."""

    start: Estimated
    """c."""
    lost: Estimated
    """p: what each link loses."""
    filler_lost: Estimated
    """p behind filler of the same length."""
    beyond_filler: Estimated
    """The one less the other."""
    ratio: float
    """Likelihood ratio statistic against the same success at every depth."""
    p_flat: float
    """Share of permutations of depths over items that reach it."""
    deviance: float
    """Twice the log-likelihood that a rate of its own for every depth gains."""
    p_fit: float
    """Share of tables drawn from the fit that reach it."""
    falls: bool
    """Whether success falls: `p_flat` at most .05, and p above 0."""
    describes: bool
    """Whether the formula describes how it falls: `p_fit` above .05."""


class HopReadable(Record):
    """From which stream on who is reached over `hop` of `depth` links can be read."""

    depth: int
    hop: int
    stream: int | None
    """None: at none."""
    interval: tuple[int, int | None] | None
    at_end: Estimated
    """Mean difference at the last stream, in nats."""


class ChainDepth(Record):
    """The whole."""

    depths: tuple[DepthRow, ...]
    verdict: ChainVerdict
    fit: ChainFit | None
    """None: nothing was right in one of the two."""
    hops: tuple[HopReadable, ...]
    """Of the depths that are answered."""
    definition: str = HOP_READABLE
