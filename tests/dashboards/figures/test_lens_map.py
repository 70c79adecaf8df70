"""Does a prompt's map hold the lens's numbers, its tokens as text, and a frame that the page can fill?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_run import HOSTILE_TOKENS

from strata.dashboards.figures.lens_map import lens_frames, lens_map
from strata.dashboards.sentences.figures.read_outs import METRICS
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.lens import LensMap, read_lens_maps
from strata.dashboards.view.tables import read_run


@pytest.fixture(scope="module")
def shown(synthetic: Path) -> LensMap:
    return read_lens_maps(read_run(synthetic))[0]


def test_colours_are_the_lens_and_every_token_has_its_column(shown: LensMap) -> None:
    drawn = lens_map(shown, axes_of(12))
    assert np.allclose(drawn.data[0]["z"], np.exp(shown.top_logprobs[..., 0]))
    assert len(drawn.layout["xaxis"]["ticktext"]) == len(shown.tokens) == len(HOSTILE_TOKENS)
    assert not any("<" in text for text in drawn.layout["xaxis"]["ticktext"])
    assert len(drawn.table.rows()) == 13 * len(shown.tokens)


def test_every_cell_has_its_token_once_black_on_bright_or_white_on_dark(shown: LensMap) -> None:
    bright, dark = lens_map(shown, axes_of(12)).data
    for ours, theirs in zip(bright["text"], dark["text"], strict=True):
        assert all(bool(a) != bool(b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("metric", list(METRICS))
def test_plotly_takes_every_metric_and_frame(shown: LensMap, metric: str) -> None:
    figure = lens_map(shown, axes_of(12), metric).figure(as_depth=True)
    assert figure.data[0].zmax >= 1 and figure.data[0].reversescale is (METRICS[metric].kind != "p")
    frames = lens_frames(axes_of(12))
    assert set(frames["lens"]) == set(METRICS)
    assert "z" not in frames["lens"][metric]["wide"].data[0] and len(frames["lenslines"]["tokens"]["wide"].data) == 8
