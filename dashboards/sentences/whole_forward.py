"""Why is every edited run of a model a whole forward pass?"""

from __future__ import annotations

from typing import assert_never

from strata.probes.rerun.no_restart import WhyWhole


def why_whole_words(why: WhyWhole) -> str:
    """As a clause that stands behind `since`."""
    match why.code:
        case "other-backend":
            return f"{why.backend} runs every prompt from its first token on"
        case "other-mixers":
            return "its blocks have other mixers than attention"
        case "counts-columns":
            return "its body counts columns, so that its prompts can't end in one column"
        case "mask-hidden":
            return "its attention implementation doesn't spell its mask out (use sdpa or eager)"
        case "attention-takes":
            return f"its attention takes {', '.join(why.arguments)}"
        case "block-takes":
            return f"its blocks take {', '.join(why.arguments)} of shape {why.shape}"
        case "block-needs-more":
            return f"{why.block} needs more than stream and position ({why.error})"
        case "few-recorded":
            return f"{why.blocks} of its {why.of} blocks have an attention that can be recorded"
        case "other-thread":
            return f"another thread computes its {why.attention} attention"
        case "not-recorded":
            return "it was recorded without what restarts need"
        case "heads":
            return "heads are replaced in restarted runs"
        case _:
            assert_never(why.code)


def no_restart(why: WhyWhole) -> str:
    """What `verify` says where it compares no restarted runs."""
    return f"runs can't be restarted from the middle ({why_whole_words(why)}); each is a whole forward pass"
