"""The page in a real browser, with the network off."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reports import build_report
from tests.reports.generated import Plan, make_run
from tests.reports.photograph import HEIGHT, WIDTH, photograph

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    runs = [
        make_run(folder / "dense"),
        make_run(folder / "sparse", Plan(name="sparse", seed=3, num_trials=120)),
    ]
    return build_report(runs, folder / "out")


@pytest.fixture
def open_page(browser: Any, page_path: Path) -> Iterator[Open]:
    """Open the page; whatever it says on the console, or asks the network for, fails the test."""
    said: list[str] = []
    contexts = []

    def opened(path: Path = page_path, **options: Any) -> Any:
        # A page that scrolls smoothly is still on its way when a busy machine asks where things are.
        context = browser.new_context(offline=True, reduced_motion="reduce", **options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on(
            "request", lambda request: None if request.url.startswith("file:") else said.append(request.url)
        )
        tab.goto(path.as_uri())
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def test_the_table_sorts_by_latency_both_ways(open_page: Open) -> None:
    tab = open_page()
    head = tab.locator('#candidates-table th[data-column="latency_ms"]')

    head.get_by_role("button").click()
    rising = tab.locator("#candidates-table tbody tr td:nth-child(3)").all_inner_texts()
    order = head.get_attribute("aria-sort")
    head.get_by_role("button").click()
    falling = tab.locator("#candidates-table tbody tr td:nth-child(3)").first.inner_text()

    values = [float(text.split()[0]) for text in rising]
    assert order == "ascending"
    assert values == sorted(values)
    assert float(falling.split()[0]) > values[-1]


def test_words_filter_the_table_and_dim_the_plot(open_page: Open) -> None:
    tab = open_page()

    tab.fill("#filter-text", "sparse bottleneck")

    rows = tab.locator("#candidates-table tbody tr").all_inner_texts()
    assert rows
    assert all("bottleneck" in row for row in rows)
    assert tab.locator(".plot .dim").count() > 0


def test_only_the_front_leaves_winners_and_front(open_page: Open) -> None:
    tab = open_page()
    before = tab.locator("#table-count").inner_text()

    tab.check("#filter-front")

    assert before.endswith("of 152 shown")
    assert int(tab.locator("#table-count").inner_text().split()[2]) < 40


def test_hovering_a_point_shows_its_architecture(open_page: Open) -> None:
    tab = open_page()
    point = tab.locator(".figure.wide [data-row='0']")
    point.scroll_into_view_if_needed()

    point.hover()

    tip = tab.locator(".tip:not([hidden])")
    assert "winner 1" in tip.inner_text()
    assert "plain-8" in tip.inner_text()


def test_arrow_keys_walk_through_the_plot(open_page: Open) -> None:
    tab = open_page()
    tab.locator(".plot").first.focus()

    tab.keyboard.press("ArrowRight")
    first = tab.locator(".tip:not([hidden])").inner_text()
    tab.keyboard.press("ArrowRight")
    second = tab.locator(".tip:not([hidden])").inner_text()
    tab.keyboard.press("Escape")

    assert first != second
    assert tab.locator(".tip:not([hidden])").count() == 0


def spread(tab: Any) -> float:
    """Return the distance of the first two visible points on the screen, in pixels."""
    one, other = (tab.locator(f".figure.wide [data-row='{row}']").first.bounding_box() for row in (0, 1))
    return float(abs(one["x"] - other["x"]) + abs(one["y"] - other["y"]))


def test_zooming_moves_points_apart_and_says_what_is_left_in_view(open_page: Open) -> None:
    tab = open_page()
    before, size = spread(tab), tab.locator(".figure.wide [data-row='0']").first.bounding_box()["width"]

    tab.get_by_role("button", name="Zoom in").first.click()

    said = tab.locator(".zoom [role=status]").first.inner_text()
    assert spread(tab) == pytest.approx(2 * before, rel=0.05)
    assert tab.locator(".figure.wide [data-row='0']").first.bounding_box()["width"] == pytest.approx(
        size, rel=0.1
    )
    assert re.fullmatch(r"2 x: \d+ candidates, [\d.]+ to [\d.]+ ms, [\d.]+% to [\d.]+%", said)
    tab.get_by_role("button", name="Show all").first.click()
    assert spread(tab) == pytest.approx(before, rel=0.05)
    assert tab.locator(".zoom [role=status]").first.inner_text() == ""


def test_the_keyboard_zooms_and_brings_each_candidate_into_view(open_page: Open) -> None:
    tab = open_page()
    plot = tab.locator(".plot").first
    plot.focus()
    for key in ("+", "+", "+", "ArrowRight"):
        tab.keyboard.press(key)

    frame = plot.bounding_box()
    places = []
    for _ in range(6):
        tab.keyboard.press("ArrowRight")
        box = tab.locator(".figure.wide .hit").first.bounding_box()
        places.append((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))

    assert all(frame["x"] <= x <= frame["x"] + frame["width"] for x, _ in places)
    assert all(frame["y"] <= y <= frame["y"] + frame["height"] for _, y in places)


def test_dragging_moves_the_window_and_filters_nothing(open_page: Open) -> None:
    tab = open_page()
    tab.get_by_role("button", name="Zoom in").first.click()
    frame = tab.locator(".plot").first.bounding_box()
    middle = (frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    before = tab.locator(".figure.wide [data-row='0']").first.bounding_box()["x"]

    tab.mouse.move(*middle)
    tab.mouse.down()
    tab.mouse.move(middle[0] + 40, middle[1], steps=4)
    tab.mouse.up()

    after = tab.locator(".figure.wide [data-row='0']").first.bounding_box()["x"]
    assert after - before == pytest.approx(40, abs=3)
    assert tab.locator("#filter-text").input_value() == ""


def test_every_control_is_reached_by_the_tab_key(open_page: Open) -> None:
    tab = open_page()
    wanted = tab.locator("a[href], button:visible, input:visible, select:visible, .plot").count()

    reached = set()
    for _ in range(wanted + 30):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))

    assert len(reached) >= wanted


def test_show_more_adds_rows(open_page: Open) -> None:
    tab = open_page()
    before = tab.locator("#candidates-table tbody tr").count()

    tab.click("#more")

    assert tab.locator("#candidates-table tbody tr").count() > before


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(width: int, open_page: Open) -> None:
    tab = open_page(viewport={"width": width, "height": 800})

    assert tab.evaluate("document.documentElement.scrollWidth") == width


def test_a_phone_gets_the_narrow_plot(open_page: Open) -> None:
    tab = open_page(viewport={"width": 390, "height": 800})

    assert tab.locator("#tradeoff .figure.narrow").first.is_visible()
    assert not tab.locator("#tradeoff .figure.wide").first.is_visible()


def test_text_is_no_smaller_than_nine_pixels_on_a_phone(open_page: Open) -> None:
    tab = open_page(viewport={"width": 390, "height": 800})

    smallest = tab.evaluate(
        """Math.min(...[...document.querySelectorAll('svg text')]
            .filter(text => text.getClientRects().length)
            .map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""
    )

    assert smallest >= 9.0


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours written as rgb(...) (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        channels = [int(part) / 255 for part in colour.strip("rgba()").split(",")[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("selector", [".verdict", ".because", ".badge.good", ".range", ".lead", "th button"])
def test_text_stands_out_from_the_ground(scheme: str, selector: str, open_page: Open) -> None:
    tab = open_page(color_scheme=scheme)
    element = tab.locator(selector).first
    ground = tab.evaluate(
        """element => { while (getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)')
            element = element.parentElement; return getComputedStyle(element).backgroundColor }""",
        element.element_handle(),
    )

    colour = element.evaluate("element => getComputedStyle(element).color")

    assert _contrast(colour, ground) >= 4.5


def test_the_theme_button_turns_the_page(open_page: Open) -> None:
    tab = open_page(color_scheme="light")
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")

    tab.click("#theme")

    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != ground


def test_print_leaves_out_what_only_a_screen_can_use(open_page: Open) -> None:
    tab = open_page(color_scheme="dark")

    tab.emulate_media(media="print")

    assert not tab.locator(".controls").first.is_visible()
    assert not tab.locator("#theme").is_visible()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_without_scripts_the_first_rows_and_the_plot_are_there(open_page: Open) -> None:
    tab = open_page(java_script_enabled=False)

    assert tab.locator("#candidates-table tbody tr").count() == 25
    assert tab.locator("#tradeoff svg circle").count() > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_of_the_readme_can_be_taken_again(
    scheme: str, browser: Any, page_path: Path, tmp_path: Path
) -> None:
    photograph(browser, page_path, tmp_path / "report.png", scheme=scheme)

    with Image.open(tmp_path / "report.png") as picture:
        assert picture.size == (WIDTH, HEIGHT)
        corner = picture.convert("L").getpixel((4, HEIGHT - 4))
        assert (corner > 128) == (scheme == "light")
        assert len(picture.convert("RGB").resize((200, 180)).getcolors(40_000)) > 100
