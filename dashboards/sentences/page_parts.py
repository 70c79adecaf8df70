"""What do the parts of a page say of themselves: titles, stamps, rules of choice, and what is said where nothing is shown?"""

from __future__ import annotations

from strata.dashboards.number_formats import number
from strata.dashboards.visible_text import visible

THIS_MODEL = "this model"
"""A model that nobody named."""
STREAM_AXIS, BLOCK_AXIS = "stream (0 = embedding)", "block"
NO_CALIBRATION = "This version keeps no calibration record. `strata calibrate` measures the rule on planted models whose truth is known."
NO_LENS_MAPS = "No lens maps were kept. Start the same `strata locate` command with the lens switched on."
EMPTY_LENS_MAPS = "The run kept no lens map (0 items)."
NO_INTERVENTION_CURVES = (
    "No intervention ran in this run: where the answer can be read is known, where it is worked out is not. "
    "Start `strata locate` again with another --out."
)
NO_PLACES = (
    "No intervention was made in this run: what can be decoded or read is known, where it is made is not. "
    "Start `strata locate` again with another --out."
)
NO_EMERGENCE = "This run computed no emergence depths; they come with the logit lens."
NOT_ASKED_IN_WAYS = "No item was asked of the models in several ways."
QUICK, LIMITED, SELF_TEST_FAILED = "QUICK", "LIMITED", "SELF-TEST FAILED"
OTHER_TOKEN = "(another token)"
OTHER_LABELS = "all others"


def unfinished_stamp(status: str) -> str:
    """On a run that isn't done."""
    return f"STATUS: {status.upper()}"


def locate_title(model: str) -> str:
    """Of the page of a `locate`."""
    return f"At which depth does {model} answer?"


def probe_title(model: str, target: str) -> str:
    """Of the page of a `probe`."""
    return f"At which layer of {model} is “{target}” decodable?"


def compare_title(base: str, distilled: str | None) -> str:
    """Of the page of a `compare`; models of one name aren't named."""
    return "What did training change" + (f" from {base} to {distilled}?" if distilled not in (None, base) else "?")


def items_rule(shown: int, total: int) -> str:
    """Which items the table lists."""
    if shown == total:
        return "every item"
    return f"{shown} of {total} items: those with a lens map, then evenly from every family; behaviour.parquet has them all"


def item_maps_rule(shown: int, total: int) -> str:
    """Which items have their own map of interventions."""
    return f"{shown} of {total} items: those with a lens map, then one family after the other"


def lens_map_aria(item: str, n_tokens: int, n_streams: int, says: tuple[str, float]) -> str:
    """A lens map as a sentence; `says`: the likeliest token behind the last one, with its probability."""
    return (
        f"Lens map of {item}: {n_tokens} tokens, streams 0 to {n_streams - 1}. "
        f"After the last token the last stream says {visible(says[0])} with probability {number(says[1])}."
    )


def lens_answer_aria(answer: str, rank: int, probability: float) -> str:
    """The same of the answer there, to stand behind it."""
    return f" The answer {visible(answer)} has rank {rank} and probability {number(probability)} there."


NO_ITEM_EFFECTS = "No item was in a pair of an intervention: items can't be ranked by what blocks bring to them."


def item_effects_rule(shown: int, total: int) -> str:
    """Which items can be ranked by what blocks bring to them."""
    return "every item of a pair" if shown == total else f"{shown} of {total} items of pairs, evenly from all"


def head_words(n_layers: int, d_model: int | None, dtype: str | None, run: str, started: str) -> str:
    """`12 blocks · width 64 · float32 · run 3f… · 2026-01-31`, as much as is known."""
    width = "" if d_model is None else f"width {d_model}"
    return " · ".join(filter(None, (f"{n_layers} blocks", width, dtype, f"run {run}", started[:10])))


def sweep_head(axis: str, run: str, started: str) -> str:
    """The same of a sweep: what differs between its runs."""
    return " · ".join(filter(None, (axis, f"run {run}", started[:10])))
