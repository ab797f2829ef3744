"""A real browser, and pages that remember what went wrong in them."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import Literal

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def _browser() -> str:
    """Where Chromium is. Without it there is nothing to test in, which a machine of continuous integration must not pass over."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    lacks = "no Chromium on the path" if found is None else None
    if importlib.util.find_spec("playwright") is None:
        lacks = "playwright is not installed"
    if lacks and os.environ.get("CI"):
        pytest.fail(f"{lacks}, and CI is set")
    if lacks:
        pytest.skip(lacks)
    return str(found)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    path = _browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser):
    """Opens an address in a browser that remembers nothing; a page with an error in it, or that asks for more, fails the test."""
    contexts, wrong = [], []

    def opened(
        url: str,
        width: int = 1280,
        height: int = 900,
        offline: bool = True,
        scheme: Literal["light", "dark"] = "light",
        script: str = "",
    ):
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, offline=offline, color_scheme=scheme)
        contexts.append(context)
        context.add_init_script(script)
        page = context.new_page()
        page.set_default_timeout(20_000)
        home = url.rpartition("/")[0]
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url[:80]}"))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((home, "data:")) else wrong.append(f"asked: {request.url[:80]}")
            ),
        )
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
