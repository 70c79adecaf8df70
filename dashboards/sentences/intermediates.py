"""Two-hop items: is the bridge readable, and effective, before the answer?"""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.locate_summary import Intermediates, Share, WhyNoIntermediates


def intermediates_words(found: Intermediates) -> str:
    """Composite items: is the bridge readable and effective before the answer? Or why that isn't known."""
    told = (
        ("the bridge becomes readable", found.bridge_readable),
        ("the bridge is readable before the answer", found.bridge_read_first),
        ("the bridge is effective at an earlier block than the answer", found.bridge_used_first),
    )
    shares = [f"{words} in {_share_words(share)}" for words, share in told if share is not None]
    if shares:
        return f"composite items (n = {found.n}): {', '.join(shares)}"
    return "" if found.reason is None else f"composite items: {_why(found.reason)}"


def _why(why: WhyNoIntermediates) -> str:
    match why.code:
        case "no-interventions-asked":
            return caveat_sentence(Caveat(code=why.code, text=why.text)).rstrip(".")
        case "no-bridge":
            return "no usable pair names an intermediate entity (`bridge`)"
        case "said":
            return str(why.text)
        case _:
            assert_never(why.code)


def _share_words(share: Share) -> str:
    band = (
        ""
        if share.low is None or share.high is None
        else f" [{number(100 * share.low, 0)}, {number(100 * share.high, 0)}]"
    )
    return f"{number(100 * share.value, 0)} % of items{band}, n = {share.n}"
