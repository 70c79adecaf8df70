"""One prompt through a lens as a map: tokens across, streams upwards, colour and words say what would be answered there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from strata.dashboards.figures.palette import FONT, PALETTES, Theme, plain
from strata.dashboards.sentences.figures.interventions import BLOCK_HOVER, DIRECTIONS, MOVED
from strata.dashboards.sentences.figures.layers import BLOCK, STREAM, at_layer
from strata.dashboards.sentences.figures.read_outs import (
    PROBABILITY,
    STREAM_FROM_EMBEDDING,
    TOKEN_READ,
    after_token,
    answer_rank,
)
from strata.dashboards.visible_text import visible
from strata.probes.public_api.lens_result import LensResult
from strata.probes.public_api.patching_result import PatchingResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from strata.dashboards.figures.figure_values import PlotlyObject

_WORDS_FOR = 1_200
"""Cells up to which each holds its likeliest token."""
_LONGEST = 9
"""Letters of a token in a cell."""


def prompt_lens(result: LensResult, text: int = 0, theme: Theme = "light") -> go.Figure:
    """Probability of the likeliest token after every token of a text, at every stream; stream 0 is the embedding, at the bottom.

    `result`: read at `positions="all"`. What is pointed at tells the five likeliest tokens, and of an answer its rank.
    """
    import plotly.graph_objects as go

    palette = PALETTES[theme]
    columns = [column for column, token in enumerate(result.tokens[text]) if token is not None]
    tokens = [result.tokens[text][column] or "" for column in columns]
    ids = result.top_ids[text][:, columns].tolist()
    logs = result.top_log_probs[text][:, columns]
    share = np.exp(logs[..., 0].numpy())
    hover = [
        [_hover(result, text, stream, columns[place], tokens[place], row) for place, row in enumerate(rows)]
        for stream, rows in enumerate(ids)
    ]
    heat: PlotlyObject = {
        "type": "heatmap", "z": np.round(share, 4).tolist(), "text": hover, "hovertemplate": "%{text}<extra></extra>", "zmin": 0, "zmax": 1,
        "colorscale": [[0, palette.card], [1, palette.diverging[4]]] if theme == "light" else [[0, palette.card], [1, palette.diverging[3]]],
        "colorbar": {"title": {"text": PROBABILITY}, "thickness": 10, "tickfont": {"size": 11, "color": palette.muted}},
    }  # fmt: skip
    streams = len(ids)
    notes: list[PlotlyObject] = []
    if streams * len(columns) <= _WORDS_FOR:
        notes = [
            {"x": place, "y": stream, "text": plain(result.vocabulary.get(row[0], ""))[:_LONGEST], "showarrow": False,
             "font": {"size": 10, "color": palette.text if share[stream, place] < 0.75 or theme == "dark" else "#ffffff"}}
            for stream, rows in enumerate(ids) for place, row in enumerate(rows)
        ]  # fmt: skip
    axis: PlotlyObject = {
        "fixedrange": True,
        "zeroline": False,
        "showgrid": False,
        "tickfont": {"size": 12, "color": palette.text},
    }
    layout: PlotlyObject = {
        "paper_bgcolor": palette.card, "plot_bgcolor": palette.card, "font": {"family": FONT, "size": 12, "color": palette.text},
        "margin": {"l": 60, "r": 10, "t": 10, "b": 70}, "height": max(260, 90 + 17 * streams), "annotations": notes,
        "xaxis": {**axis, "tickvals": list(range(len(tokens))), "ticktext": [plain(token) for token in tokens], "title": {"text": TOKEN_READ}},
        "yaxis": {**axis, "title": {"text": STREAM_FROM_EMBEDDING}, "dtick": max(1, streams // 10)},
    }  # fmt: skip
    return go.Figure({"data": [heat], "layout": layout})


def _hover(result: LensResult, text: int, stream: int, column: int, token: str, ids: list[int]) -> str:
    logs = result.top_log_probs[text, stream, column].tolist()
    best = [f"{plain(result.vocabulary.get(one, ''))} {np.exp(log):.3f}" for one, log in zip(ids, logs, strict=True)]
    answer = result.answers[text]
    rank = int(result.ranks[text, stream, column])
    told = [] if answer is None else [plain(answer_rank(answer, rank))]
    return "<br>".join([f"<b>{plain(after_token(token))}</b>, {at_layer(STREAM, stream)}", *best, *told])


def patched_blocks(
    result: PatchingResult, component: str, position: str | int, words: str, theme: Theme = "light"
) -> go.Figure:
    """Effect of patching one part of every block of one pair: clean into corrupted, and corrupted into clean.

    `words`: what the part is called. 0: nothing moved, 1: the whole difference between the two runs.
    """
    import plotly.graph_objects as go

    palette = PALETTES[theme]
    traces: list[PlotlyObject] = []
    drawn = (
        (line, shift)
        for line, shift in result.shift.items()
        if line.component == component and line.position == position
    )
    for line, shift in drawn:
        colour, dash, symbol = (
            (palette.accent, "solid", "circle") if line.measure == "denoise" else ("#d55e00", "dash", "square")
        )
        effect = (shift[0] / (result.clean[0] - result.corrupted[0])).tolist()
        traces.append({
            "type": "scatter", "mode": "lines+markers", "x": list(result.layers), "y": effect, "name": DIRECTIONS["denoise" if line.measure == "denoise" else "noise"],
            "line": {"color": colour, "dash": dash}, "marker": {"symbol": symbol, "size": 6},
            "hovertemplate": f"{BLOCK_HOVER}<extra></extra>",
        })  # fmt: skip
    axis: PlotlyObject = {
        "fixedrange": True,
        "gridcolor": palette.line,
        "zerolinecolor": palette.strong_line,
        "tickfont": {"size": 12, "color": palette.muted},
    }
    layout: PlotlyObject = {
        "paper_bgcolor": palette.card, "plot_bgcolor": palette.card, "font": {"family": FONT, "size": 12, "color": palette.text},
        "margin": {"l": 60, "r": 10, "t": 36, "b": 40}, "height": 300, "title": {"text": plain(visible(words)), "font": {"size": 13}},
        "legend": {"orientation": "h", "y": -0.22}, "xaxis": {**axis, "title": {"text": BLOCK}},
        "yaxis": {**axis, "title": {"text": MOVED}},
    }  # fmt: skip
    return go.Figure({"data": traces, "layout": layout})
