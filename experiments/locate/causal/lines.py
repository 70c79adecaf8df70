"""Which interventions a run makes: the whole map, the default that fits a coffee break, or the quick one."""

from __future__ import annotations

from collections.abc import Sequence

from strata.experiments.locate.config import LocateConfig
from strata.probes.backends.restart import COMPONENTS, Component
from strata.probes.causal.ablation import Ablation
from strata.probes.causal.activation_patching import CONTROLS, Line
from strata.probes.causal.pairs import ALL, Pair

LOCATED: Component = "mlp_out"
"""The component that `located` is about: attention moves what is known from token to token, the MLP computes on it."""
_CONTRIBUTIONS: tuple[Component, ...] = ("block_out", "attn_out", "mlp_out")


def spans_of(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Named positions beside `last` at which some pair differs or comes after its first difference, in prompt order.

    A second name for a token that has one already in every pair (`operand` and `operand_a`) is excluded: its effect
    would count twice.
    """
    places: dict[str, dict[str, int]] = {}
    for pair in pairs:
        for name, place in pair.clean.positions.items():
            if name != "last" and pair.first_difference <= place != pair.clean.positions["last"]:
                places.setdefault(name, {})[pair.key] = place - len(pair.clean.ids)
    spans: list[str] = []
    for name in sorted(places, key=lambda name: (min(places[name].values()), name)):
        if not any(places[name].items() <= places[other].items() for other in spans):
            spans.append(name)
    return tuple(spans)


def lines_for(config: LocateConfig, spans: Sequence[str]) -> list[Line]:
    """Activation patching lines. The located component has all its controls everywhere in all sizes of run."""
    named = (*spans, "last")
    lines = [Line(measure, LOCATED, place) for place in named for measure in ("denoise", *CONTROLS)]
    if config.causal_map == "quick":
        lines += [Line("denoise", name, "last") for name in ("attn_out", "block_out")]
    elif config.causal_map == "default":
        lines += [Line("denoise", "block_out", place) for place in (*named, ALL)]
        lines += [Line("denoise", name, "last") for name in ("attn_out", "resid_pre")]
        lines += [Line(measure, "attn_out", "last") for measure in CONTROLS]
        lines += [Line("noise", name, "last") for name in _CONTRIBUTIONS]
        lines += [Line("noise", LOCATED, place) for place in spans]
    else:
        lines = [
            Line(measure, name, place)
            for place in (*named, ALL)
            for measure in ("denoise", "noise", *CONTROLS)
            for name in COMPONENTS
            if measure not in CONTROLS or (name != "resid_pre" and place != ALL)
        ]
    lines += [
        Line("denoise", name, place, size)
        for size in config.windows
        for name in (LOCATED, "block_out")
        for place in named
    ]
    return list(dict.fromkeys(lines))


def ablations_for(config: LocateConfig) -> list[Ablation]:
    """Ablation lines. The located component is removed in all three ways in all sizes of run."""
    ablations = [Ablation(method, LOCATED) for method in ("skip", "mean", "resample")]
    if config.causal_map == "default":
        ablations += [Ablation("mean", name) for name in ("attn_out", "block_out")]
    elif config.causal_map == "full":
        ablations = [Ablation(method, name) for name in _CONTRIBUTIONS for method in ("skip", "mean", "resample")]
    ablations += [Ablation("mean", name, size) for size in config.windows for name in (LOCATED, "block_out")]
    return list(dict.fromkeys(ablations))
