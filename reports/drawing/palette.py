"""The colours, by what they are for, in light and in dark.

The series are those of Okabe and Ito ("Color Universal Design", 2008), told apart by readers with any of the
common colour deficiencies; the dark ones are lifted until they reach a contrast of 4.5 on the dark ground.
"""

from collections.abc import Mapping
from typing import Final

LIGHT: Final[Mapping[str, str]] = {
    "ground": "#f4f6f8",
    "paper": "#ffffff",
    "ink": "#15202b",
    "muted": "#5a6775",
    "line": "#dde3e9",
    "accent": "#00629b",
    "wash": "#e8f1f8",
    "good": "#00755a",
    "bad": "#b84300",
    "unsure": "#8a5a00",
    "series1": "#0072b2",
    "series2": "#d55e00",
    "series3": "#009e73",
    "series4": "#a9487f",
    "series5": "#b57d00",
    "series6": "#3a9bd9",
    "faint": "#a7b2be",
}

DARK: Final[Mapping[str, str]] = {
    "ground": "#0e1318",
    "paper": "#161d24",
    "ink": "#e9eef3",
    "muted": "#9fadba",
    "line": "#2b3640",
    "accent": "#6bbcf0",
    "wash": "#16303f",
    "good": "#3ecf9f",
    "bad": "#ff8a4c",
    "unsure": "#f2b84b",
    "series1": "#56b4e9",
    "series2": "#ff8a4c",
    "series3": "#3ecf9f",
    "series4": "#e78fbf",
    "series5": "#f2b84b",
    "series6": "#8fb4ff",
    "faint": "#5c6a78",
}

NUM_SERIES: Final = 6
SHAPES: Final = ("circle", "square", "triangle", "diamond")


def series_look(index: int) -> tuple[str, str]:
    """Return the tone and the marker shape of the series numbered `index`, from 0.

    Shape changes together with tone, so that colour is never the only difference; 12 series differ.
    """
    return f"series{index % NUM_SERIES + 1}", SHAPES[(index + index // NUM_SERIES) % len(SHAPES)]


def css_variables(palette: Mapping[str, str]) -> str:
    """Write a palette as the declarations of a style rule."""
    return "".join(f"--{tone}:{colour};" for tone, colour in palette.items())


def css_tones() -> str:
    """Write the rules that give marks of class `s-TONE` a stroke and of class `f-TONE` a fill."""
    return "".join(f".s-{tone}{{stroke:var(--{tone})}}.f-{tone}{{fill:var(--{tone})}}" for tone in LIGHT)
