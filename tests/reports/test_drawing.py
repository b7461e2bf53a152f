"""Numbers, scales and marks."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import numbers
from reports.drawing import Figure, Line, Markers, Scale, Text, inline_svg, standalone_svg
from reports.drawing.palette import DARK, LIGHT, NUM_SERIES, series_look
from reports.drawing.png import dashes, png_bytes
from reports.drawing.scale import linear_ticks, log_ticks


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.milliseconds(0.41234), "0.412 ms"),
        (numbers.milliseconds(12.3456), "12.3 ms"),
        (numbers.milliseconds(1234.5), "1,234 ms"),
        (numbers.milliseconds(float("nan")), "-"),
        (numbers.milliseconds_between(0.41231, 0.41239), "0.4123 to 0.4124 ms"),
        (numbers.percent(0.98076), "98.1%"),
        (numbers.points(-0.0123), "-1.2 points"),
        (numbers.count(950), "950"),
        (numbers.count(72_575), "72.6 k"),
        (numbers.count(11_689_512), "11.7 M"),
        (numbers.count(4_089_184_256), "4.09 G"),
        (numbers.duration(3.21), "3.2 s"),
        (numbers.duration(200), "3 min 20 s"),
        (numbers.duration(7_260), "2 h 1 min"),
        (numbers.budget("p95<=3ms", 3.0), "3.00 ms at p95"),
        (numbers.budget("3ms", 3.0), "3.00 ms"),
    ],
)
def test_numbers_have_a_unit_and_the_digits_that_are_known(written: str, expected: str) -> None:
    assert written == expected


def test_linear_ticks_are_round() -> None:
    assert linear_ticks(0.07, 0.53, 5) == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_log_ticks_over_two_decades_are_ones_twos_and_fives() -> None:
    assert log_ticks(0.9, 110, 6) == pytest.approx([1, 2, 5, 10, 20, 50, 100])


@given(st.floats(1e-6, 1e6), st.floats(1.001, 1e4), st.integers(2, 10))
def test_ticks_lie_inside_the_axis_and_are_few(low: float, ratio: float, count: int) -> None:
    for ticks in (linear_ticks(low, low * ratio, count), log_ticks(low, low * ratio, count)):
        assert all(low * 0.998 <= tick <= low * ratio * 1.002 for tick in ticks)
        assert len(ticks) <= 2 * count + 2


@pytest.mark.parametrize("is_log", [False, True])
def test_a_scale_maps_its_ends_to_its_pixels(is_log: bool) -> None:
    scale = Scale(2.0, 8.0, 100.0, 300.0, is_log)

    assert (scale(2.0), scale(8.0)) == pytest.approx((100.0, 300.0))
    assert scale(4.0) == pytest.approx(200.0 if is_log else 100 + 200 / 3)


def test_twelve_series_differ_in_more_than_colour() -> None:
    looks = [series_look(number) for number in range(2 * NUM_SERIES)]

    assert len(set(looks)) == 12
    assert len({shape for _, shape in looks[:4]}) == 4


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "ground"])
def test_text_tones_reach_the_contrast_of_text(palette: dict[str, str], ground: str) -> None:
    for tone in ("ink", "muted", "accent", "good", "bad", "unsure"):
        assert _contrast(palette[tone], palette[ground]) >= 4.5, tone


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_series_tones_reach_the_contrast_of_graphics(palette: dict[str, str]) -> None:
    for number in range(1, NUM_SERIES + 1):
        assert _contrast(palette[f"series{number}"], palette["paper"]) >= 3.0, number


def test_text_in_a_figure_is_escaped() -> None:
    figure = Figure(10, 10, '"><script>')
    figure.add(Text(0, 0, "<script>&"))

    for text in (inline_svg(figure), standalone_svg(figure)):
        assert "<script" not in text


def test_points_name_their_rows() -> None:
    figure = Figure(10, 10, "points")
    figure.add(Markers([(1, 1), (2, 2)], "ink", "diamond", rows=[7, -1]))

    assert inline_svg(figure).count("data-row") == 1
    assert 'data-row="7"' in inline_svg(figure)


def test_a_line_across_a_picture_is_painted_in_its_tone() -> None:
    from io import BytesIO

    from PIL import Image

    figure = Figure(20, 10, "line")
    figure.add(Line([(0, 5), (20, 5)], "bad", 4))

    picture = Image.open(BytesIO(png_bytes(figure)))

    assert (
        "#{:02x}{:02x}{:02x}".format(*picture.getpixel((picture.width // 2, picture.height // 2)))
        == LIGHT["bad"]
    )
    assert "#{:02x}{:02x}{:02x}".format(*picture.getpixel((2, 2))) == LIGHT["paper"]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=6), st.floats(0.5, 30))
def test_dashes_cover_about_half_of_a_line(points: list[tuple[float, float]], length: float) -> None:
    whole = sum(math.dist(one, other) for one, other in pairwise(points))

    covered = sum(math.dist(*piece) for piece in dashes(points, length))

    assert abs(covered - whole / 2) <= length / 2 + 1e-3
