"""Which labels are taken for which? Rows are true labels, columns what the probe said while the item was held out."""

from __future__ import annotations

from strata.dashboards.figures.figure_values import WIDTHS, Block, Drawn, Table, Width
from strata.dashboards.figures.palette import CIVIDIS, FONT, PALETTES, Theme, clipped, colour_scale, plain
from strata.dashboards.sentences.figures.read_outs import (
    CONFUSION_HEAD,
    CONFUSION_HINT,
    PREDICTED,
    confusion_aria,
    confusion_cell,
    confusion_note,
    confusion_title,
)
from strata.dashboards.view.schema_probe import ProbedPosition
from strata.dashboards.visible_text import visible

_FEW = 12
"""Labels up to which counts stand in the cells."""


def confusion(position: ProbedPosition, stream: int, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """Colour: the share of the row, from 0 to 1."""
    palette = PALETTES[theme]
    counts = position.confusion[stream]
    names = [plain(clipped(visible(label), 22)) for label in position.labels]
    places, sums, few = list(range(len(names))), [sum(row) for row in counts], len(names) <= _FEW
    shares = [[n / total if total else None for n in row] for row, total in zip(counts, sums, strict=True)]
    pixels = WIDTHS[width] - 30
    says = [
        [confusion_cell(true, said, n, n / max(1, total)) for said, n in zip(names, row, strict=True)]
        for true, row, total in zip(names, counts, sums, strict=True)
    ]
    left = min(190.0, pixels * 0.3)
    # Cells about as wide as high, as far as there is room.
    across = min(1.0, len(names) * (92 if few else 26) / (pixels - left - 90))
    bar = {
        "thickness": 12,
        "x": across,
        "xanchor": "left",
        "xpad": 12,
        "tickfont": {"size": 11, "color": palette.muted},
        "outlinewidth": 0,
    }
    heat = {"type": "heatmap", "x": places, "y": places, "z": shares, "text": says, "hovertemplate": "%{text}<extra></extra>", "zmin": 0, "zmax": 1,
            "colorscale": colour_scale(CIVIDIS), "hoverongaps": False, "xgap": 1, "ygap": 1, "colorbar": bar}  # fmt: skip
    ticks = {"tickvals": places, "ticktext": names, "showgrid": False, "zeroline": False, "linecolor": palette.strong_line,
             "tickfont": {"size": 12, "color": palette.text}}  # fmt: skip
    in_cells = [
        # Black on the bright end of the scale, white on the dark one.
        {"x": j, "y": i, "text": str(n), "showarrow": False, "font": {"size": 12.5, "color": "#10141a" if (shares[i][j] or 0) > 0.6 else "#ffffff"}}
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if few
    ]  # fmt: skip
    layout = {
        "height": max(260, 130 + len(names) * (40 if few else 22)), "margin": {"l": left, "r": 90, "t": 14, "b": 96}, "annotations": in_cells,
        "xaxis": {**ticks, "title": {"text": PREDICTED, "font": {"size": 13, "color": palette.muted}, "standoff": 8}, "domain": [0, across],
                  "tickangle": 0 if few and all(len(name) < 10 for name in names) else -40, "automargin": True},
        "yaxis": {**ticks, "autorange": "reversed"}, "paper_bgcolor": palette.card, "plot_bgcolor": palette.card, "dragmode": False, "showlegend": False,
        "font": {"family": FONT, "size": 12, "color": palette.text}, "shapes": [],
        "hoverlabel": {"bgcolor": palette.card, "bordercolor": palette.strong_line, "font": {"size": 12.5, "color": palette.text}},
    }  # fmt: skip
    right = sum(row[i] for i, row in enumerate(counts))
    aria = confusion_aria(stream, right, sum(sums))
    labels = [visible(label) for label in position.labels]
    blocks = [Block((labels[i], labels, [str(n) for n in row], shares[i])) for i, row in enumerate(counts)]
    table = Table(CONFUSION_HEAD, tuple(blocks))
    return Drawn(
        [heat],
        layout,
        confusion_title(stream),
        aria,
        confusion_note(stream),
        table,
        hint=CONFUSION_HINT,
    )
