"""Photograph a report as the README shows it: `python -m tests.reports.photograph RUN PICTURE.png`."""

import shutil
import sys
from pathlib import Path
from typing import Any

from reports import build_report
from tests.reports.conftest import ARGUMENTS

WIDTH, HEIGHT = 1100, 2350
"""Window in pixels: from the verdict down to the winners."""


def photograph(browser: Any, page: Path, picture: Path, *, scheme: str = "light") -> None:
    """Save what a reader sees first, with the network off.

    Args:
        browser: Of Playwright.
        page: A report.
        picture: Where the PNG goes.
        scheme: light or dark.
    """
    size = {"width": WIDTH, "height": HEIGHT}
    context = browser.new_context(offline=True, viewport=size, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.screenshot(path=picture)
    context.close()


def main() -> None:
    """Build the report of a run and photograph it."""
    from playwright.sync_api import sync_playwright

    run, picture = map(Path, sys.argv[1:])
    with sync_playwright() as driver:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        photograph(browser, build_report([run]).resolve(), picture)
        browser.close()


if __name__ == "__main__":
    main()
