"""Is the preview a picture of the finding: its size, its map in the map's colours, its intervals where the numbers are?"""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw
from synthetic_localisation import localisation

from strata.dashboards.figures.map_boxes import map_areas
from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.figures.preview import HEIGHT, WIDTH, PreviewNumber, PreviewWords, _Pen, preview, written
from strata.dashboards.figures.stage_map import stage_map_json

WORDS = PreviewWords("Knowledge answers are made by attention at the last token", "model", "12 items · 3 caveats")


def drawn(words: PreviewWords, *, mapped: bool = True) -> Image.Image:
    png = preview(words, stage_map_json(localisation(12)) if mapped else None)
    assert len(png) < 200_000
    return Image.open(io.BytesIO(png)).convert("RGB")


def coloured(picture: Image.Image, colour: str) -> list[tuple[int, int]]:
    wanted = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return [(at % WIDTH, at // WIDTH) for at, pixel in enumerate(picture.getdata()) if pixel == wanted]


def test_it_has_the_size_that_services_show_and_the_map_in_its_own_colours() -> None:
    picture = drawn(WORDS)
    assert picture.size == (WIDTH, HEIGHT) == (1200, 630)
    areas = map_areas(stage_map_json(localisation(12)), 900, 300)
    fills = [box.fill or "" for area in areas for box in area.boxes if box.opacity == 1]
    strongest = min((fill for fill in fills if fill.startswith("#")), key=lambda fill: int(fill[1:3], 16))
    assert len(coloured(picture, strongest)) > 100
    assert coloured(drawn(WORDS, mapped=False), strongest) == []


@pytest.mark.parametrize(("low", "at", "high"), [(0.04, 0.125, 0.21), (-0.2, -0.1, 0.0)])
def test_an_interval_lies_where_its_ends_are(low: float, at: float, high: float) -> None:
    number = PreviewNumber("+12.5 points", "generated answers", at, low, high, 0.25, True)
    bar = coloured(drawn(PreviewWords("Finding", "m", "f", (number,) * 3), mapped=False), PALETTES["light"].trained)
    third = (WIDTH - 88) / 3
    middle, half = 44 + (third - 28) / 2, (third - 28) / 2
    first = [x for x, _ in bar if x < 44 + third]
    assert min(first) == pytest.approx(middle + min(low, at - 8 * 0.25 / half) / 0.25 * half, abs=9)
    assert max(first) == pytest.approx(middle + max(high, at + 8 * 0.25 / half) / 0.25 * half, abs=9)


def test_foreign_words_neither_fail_nor_run_over() -> None:
    hostile = "</script>\x00" + chr(0x202E) + "العربية 東京 😀 " * 400
    picture = drawn(PreviewWords(hostile, hostile, hostile))
    right = [x for x, _ in coloured(picture, PALETTES["light"].text)]
    assert right and max(right) < WIDTH - 20
    assert written("−1 → é 東") == "-1 to é ?"


def test_a_long_finding_becomes_smaller_before_it_is_cut() -> None:
    pen = _Pen(ImageDraw.Draw(Image.new("RGB", (WIDTH, HEIGHT))))
    short, long = "Answers are made", "a clause of the finding that goes on, " * 6 + "end"
    (large, _), (small, lines) = (pen.fitted(text, 1100, 142) for text in (short, long))
    assert large == 38 and 22 <= small < large and " ".join(lines).split() == long.split()
    assert pen.fitted(long * 9, 1100, 142)[1][-1].endswith("...")


def test_what_was_not_measured_has_no_line_to_lie_on() -> None:
    known = PreviewNumber("0.1", "change", 0.1, 0.0, 0.2, 1.0, False)
    unknown = PreviewNumber("–", "change", None, None, None, 1.0, False)
    with_line, without = (drawn(PreviewWords("Finding", "m", "f", (one,)), mapped=False) for one in (known, unknown))
    assert len(coloured(with_line, PALETTES["light"].line)) > 500 and not coloured(without, PALETTES["light"].line)


def test_places_are_named_beside_their_boxes_and_the_colours_have_a_key() -> None:
    figure = stage_map_json(localisation(12))
    names = [name for area in map_areas(figure, 900, 300) for name in area.names]
    assert "makes: blocks 5–7" in {name.text for name in names} and any(name.quiet for name in names)
    knowledge = map_areas(figure, 900, 300)[0]
    (place,) = (name for name in knowledge.names if not name.quiet)
    box = next(box for box in knowledge.boxes if box.stroke > 1 and box.line)
    assert place.y < box.y + box.height and abs((place.x - box.x) - (box.width if place.leftwards else 0)) < 3
    foot = [(x, y) for x, y in coloured(drawn(WORDS), PALETTES["light"].diverging[4]) if y > HEIGHT - 45]
    assert foot and min(x for x, _ in foot) > WIDTH / 2


@pytest.mark.parametrize("room", [0, 5, 60, 10_000])
def test_words_of_any_length_are_cut_to_their_room_or_to_one_letter(room: int) -> None:
    pen = _Pen(ImageDraw.Draw(Image.new("RGB", (10, 10))))
    for length in range(1, 120):
        cut = pen.cut("m" * length, 11, room)
        assert cut == "m..." or cut == "m" * length or pen.length(cut, 11) <= room
    assert pen.cut("blocks 16-19 (2 families)", 11, 10_000) == "blocks 16-19 (2 families)"
