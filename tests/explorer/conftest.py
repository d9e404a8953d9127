"""A release and its page, and the browser that opens pages: the system's Chromium, headless, driven by Playwright."""

import shutil
from pathlib import Path

import pytest

from komep_dataset.explorer.report import write_report
from komep_dataset.release.build import build


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The release of the shipped sample with every pair, and its page."""
    folder = tmp_path_factory.mktemp("sample")
    build([], folder / "komep", pairs="all")
    return folder / "komep", write_report(folder / "komep", folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def chromium():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine (chromium, chromium-browser or google-chrome)")
    reason = "needs the extra [dev]"
    sync_playwright = pytest.importorskip("playwright.sync_api", reason=reason).sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """A function that opens a page file; afterwards: no error, no warning (of its policy, too), no request but for the file."""
    troubles, requests, pages = [], [], []

    def open_page(file: Path, fragment: str = "", width: int = 1200, **options):
        page = chromium.new_page(viewport={"width": width, "height": 900}, **options)
        page.set_default_timeout(60_000)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append("a dialog") or dialog.dismiss())
        page.on("request", lambda request: requests.append(request.url.split("#")[0]))
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        pages.append((page, file.as_uri()))
        return page

    yield open_page
    for page, _ in pages:
        page.close()
    assert not troubles
    assert set(requests) <= {address for _, address in pages}
