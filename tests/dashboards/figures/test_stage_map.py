"""Does the stage map show what the results hold, and tell apart what was not measured, does not count, or is zero?"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from synthetic_localisation import (
    cell_result,
    localisation,
    made_up_families,
    measured,
    profile,
    without_interventions,
)

from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.figures.panel_grid import colour_step
from strata.dashboards.figures.stage_map import colour_limits, stage_map, stage_map_json
from strata.experiments.results.families import CellResult
from strata.experiments.results.kinds import Localisation
from strata.probes.interventions.cells import CELLS, at_span

Json = dict[str, Any]
N_LAYERS = 30


@pytest.fixture(scope="module")
def made() -> Localisation:
    return localisation(N_LAYERS)


def heats(figure: Json) -> list[Json]:
    return [trace for trace in figure["data"] if trace["type"] == "heatmap"]


def texts(figure: Json) -> list[str]:
    return [note["text"] for note in figure["layout"]["annotations"]]


def boxes(figure: Json, width: float) -> list[Json]:
    return [s for s in figure["layout"]["shapes"] if s["type"] == "rect" and s["line"].get("width") == width and s["line"].get("color") != PALETTES["light"].card]  # fmt: skip


def test_the_figure_is_what_the_page_embeds(made: Localisation) -> None:
    figure = stage_map(made).to_plotly_json()
    plain = stage_map_json(made)
    assert [trace["type"] for trace in figure["data"]] == [trace["type"] for trace in plain["data"]]
    assert figure["layout"]["shapes"] == plain["layout"]["shapes"]
    assert figure["layout"]["annotations"] == plain["layout"]["annotations"]


def test_rows_are_cells_from_input_to_answer_and_colours_are_the_gains(made: Localisation) -> None:
    figure = stage_map_json(made)
    assert [heat["meta"]["panel"].split(":")[0] for heat in heats(figure)] == [
        "Knowledge",
        "Control",
        "Reasoning",
        "Control",
    ]
    for heat, kind, control in zip(
        heats(figure), ("knowledge", "knowledge", "reasoning", "reasoning"), (0, 1, 0, 1), strict=True
    ):
        assert [cell for cell in heat["meta"]["cells"] if cell] == list(CELLS)
        for cell in CELLS:
            row = heat["z"][heat["meta"]["cells"].index(cell)]
            truth = profile(cell, "control" if control else kind, N_LAYERS)
            for block, gain in enumerate(truth):
                if at_span(cell) and block == 0:
                    assert row[block] is None, "token identity is no gain"
                else:
                    assert gain is not None and row[block] == pytest.approx(colour_step(gain))


def test_all_maps_of_a_run_have_one_colour_scale_that_every_gain_fits_in(made: Localisation) -> None:
    limit, signed = colour_limits(made)
    assert signed, "a suppressor is planted"
    scales = [stage_map_json(made, name)["layout"]["coloraxis"] for name in (None, "capital", "addition", "copy")]
    assert {(scale["cmin"], scale["cmax"]) for scale in scales} == {(-(limit**0.5), limit**0.5)}
    shown = [abs(z) for heat in heats(stage_map_json(made)) for row in heat["z"] for z in row if z is not None]
    assert max(shown) <= limit**0.5
    gains = [gain for cell in CELLS for gain in profile(cell, "knowledge", N_LAYERS)[1:] if gain is not None]
    assert limit >= max(gains) and colour_step(-0.25) == -0.5


def test_the_place_of_the_kind_is_thick_those_of_families_thin_and_whiskers_are_the_interval(
    made: Localisation,
) -> None:
    figure = stage_map_json(made)
    thick = boxes(figure, 3.4)
    assert [(box["x0"] + 0.5, box["x1"] - 0.5) for box in thick] == [
        (made.kinds[kind].located.first, made.kinds[kind].located.last) for kind in ("knowledge", "reasoning")
    ]  # fmt: skip
    thin = boxes(figure, 1.0)
    frames = 4 * len(CELLS)
    kind_of = {"K-C": "knowledge's control", "R-R0": "reasoning's control"}
    places = {
        (kind_of.get(f.contrast or "", f.kind), f.place.cell, f.place.first, f.place.last)
        for f in made.families.values() if f.place is not None
    }  # fmt: skip
    assert len(thin) == frames + len(places)
    for kind, axis in (("knowledge", "x"), ("reasoning", "x3")):
        located = made.kinds[kind].located
        assert located is not None
        lines = [
            s for s in figure["layout"]["shapes"] if s["type"] == "line" and s["xref"] == axis and s["x0"] != s["x1"]
        ]
        assert [(line["x0"] + 0.5, line["x1"] - 0.5) for line in lines] == [located.interval]


def test_a_family_shows_every_locus_with_its_role_beside_its_own_control(made: Localisation) -> None:
    figure = stage_map_json(made, "capital")
    assert {"prepares", "relays", "<b>makes</b>", "<b>capital</b>", "<b>control: capital_stated</b>"} <= set(
        texts(figure)
    )
    dashes = {s["line"]["dash"] for s in figure["layout"]["shapes"] if s["type"] == "rect" and s["line"].get("dash")}
    assert {"dash", "dot", "solid"} <= dashes, "roles are told apart without colour"
    assert len(heats(stage_map_json(made, "currency"))) == 1, "it has no control of its own"
    with pytest.raises(KeyError):
        stage_map_json(made, "nobody")


def test_the_handover_is_marked_with_its_blocks(made: Localisation) -> None:
    handover = made.kinds["knowledge"].handover
    assert handover is not None
    figure = stage_map_json(made)
    assert texts(figure).count(f"handover {handover.first}–{handover.last}") == 2
    assert texts(figure).count("▼") == 4


def test_not_measured_does_not_count_and_zero_look_different() -> None:
    families = made_up_families(N_LAYERS)
    zero = CellResult(effect=measured(0.0), counts=True, profile=(0.0,) * N_LAYERS)
    cells = {
        "enrich": zero,
        "gather": CellResult(effect=None, counts=False),
        "move": cell_result("move", "knowledge", N_LAYERS),
    }
    cells["work_out"] = cell_result("work_out", "knowledge", N_LAYERS).model_copy(
        update={"counts": False, "why_not": "not-installed"}
    )
    families["currency"] = families["currency"].model_copy(update={"cells": cells})
    figure = stage_map_json(localisation(N_LAYERS, families), "currency")
    (heat,) = heats(figure)
    rows = {cell: heat["z"][heat["meta"]["cells"].index(cell)] for cell in CELLS}
    assert set(rows["enrich"][1:]) == {0.0} and set(rows["gather"]) == {None}
    hatched = [t for t in figure["data"] if t.get("fillpattern", {}).get("shape") == "/"]
    crossed = [t for t in figure["data"] if t.get("fillpattern", {}).get("shape") == "x"]
    assert len(hatched) == 1 and len(crossed) == 1, "gather isn't measured; block 0 of enrich is token identity"
    veils = [s for s in figure["layout"]["shapes"] if s.get("opacity") == 0.62]
    assert len(veils) == 1, "work_out doesn't count"
    assert any(text == "not<br>measured" for text in texts(figure))
    assert any("doesn't count: no more effect than a donor" in text for row in heat["text"] for text in row)


def test_what_is_no_number_has_no_colour_and_leaves_the_scale_alone() -> None:
    families = made_up_families(12)
    cells = dict(families["capital"].cells)
    cells["move"] = cells["move"].model_copy(update={"profile": (float("nan"), *profile("move", "knowledge", 12)[1:])})
    families["capital"] = families["capital"].model_copy(update={"cells": cells})
    odd = localisation(12, families)
    assert colour_limits(odd) == colour_limits(localisation(12))
    heat = heats(stage_map_json(odd, "capital"))[0]
    assert heat["z"][heat["meta"]["cells"].index("move")][0] is None


def test_gains_against_the_answer_carry_a_sign_that_greys_keep(made: Localisation) -> None:
    signs = [t for t in stage_map_json(made)["data"] if t.get("text") == "−"]
    assert signs and all(set(trace["x"]) == {N_LAYERS - 1} for trace in signs)


def test_names_of_families_are_text_in_the_figure() -> None:
    families = {"<b onload=x>&amp;": made_up_families(12)["capital"]}
    shown = " ".join(texts(stage_map_json(localisation(12, families), "<b onload=x>&amp;")))
    assert "&lt;b onload=x&gt;&amp;amp;" in shown and "<b onload" not in shown


@pytest.mark.parametrize("n_layers", [1, 12, 80])
def test_at_most_ninety_labels_stand_on_the_axes(n_layers: int) -> None:
    layout = stage_map_json(localisation(n_layers))["layout"]
    ticks = 0
    for name, axis in layout.items():
        if name.startswith("xaxis"):
            ticks += n_layers // axis["dtick"] + 1
        elif name.startswith("yaxis"):
            ticks += len(axis["tickvals"]) if axis["showticklabels"] else 0
    assert ticks <= 90


def test_what_was_not_run_is_hatched_with_its_reason_and_never_empty(made: Localisation) -> None:
    figure = stage_map_json(without_interventions(made))
    assert heats(figure) == []
    assert texts(figure).count("no intervention was made on its items") == 2
    assert texts(figure).count("no matched control was measured") == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_are_those_of_the_page(theme: Any) -> None:
    from strata.dashboards.page.assets import asset

    palette, style = PALETTES[theme], asset("page.css")
    block = style.split(":root {")[1] if theme == "light" else style.split(':root[data-theme="dark"] {')[1]
    named = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block.split("}")[0]))
    for field, name in (
        ("card", "card"),
        ("text", "text"),
        ("muted", "muted"),
        ("line", "line"),
        ("strong_line", "strong-line"),
        ("blank", "blank"),
        ("accent", "a"),
        ("well", "well"),
        ("bad", "bad"),
    ):
        assert getattr(palette, field) == named[name]


def test_every_lightness_step_of_the_scale_is_a_step_in_grey() -> None:
    for palette in PALETTES.values():
        greys = [
            sum(w * int(c[i : i + 2], 16) for w, i in ((0.299, 1), (0.587, 3), (0.114, 5)))
            for c in palette.diverging[2:]
        ]
        steps = [b - a for a, b in pairwise(greys)]
        assert all(step < -20 for step in steps) or all(step > 20 for step in steps)


def test_the_rooms_below_the_page_do_not_look_up() -> None:
    """Sentences and figures are used by page, terminal and notebook, and know none of them."""
    root = Path(__file__).parents[3] / "dashboards"
    for room, rest in (("sentences", ()), ("figures", ("figures", "view"))):
        for file in (root / room).glob("*.py"):
            used = re.findall(r"from strata\.dashboards\.(\w+)", file.read_text())
            assert set(used) <= {"sentences", "number_formats", "visible_text", *rest}, file.name
