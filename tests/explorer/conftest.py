"""A browser that opens pages of the explorer, without network and without WebGL."""

import shutil
from pathlib import Path

import pytest

from helpers import explorer_pages

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).parents[2] / "explorer" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="package")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pages are not tried")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed: the pages of the explorer are not tried in a browser")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A page that is open, and what must not have happened on it."""

    def __init__(self, context, address):
        self.problems = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.problems.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.problems.append("a dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self._check(request.url))
        self.page.goto(address)

    def _check(self, url):
        if not url.startswith(("file:", "data:", "blob:")):
            self.problems.append(f"request: {url}")

    def run(self, script, argument=None):
        return self.page.evaluate(script, argument)

    def focus(self, row):
        self.run("row => aaeExplorer.state.focus(row)", row)

    @property
    def focused(self):
        return self.run("() => aaeExplorer.state.focused")

    @property
    def selected(self):
        return sorted(self.run("() => [...aaeExplorer.state.selection]"))

    @property
    def labels(self):
        return dict(self.run("() => [...aaeExplorer.labels.given]"))

    @property
    def said(self):
        return self.page.locator(".said").inner_text()

    def screen(self, x, y):
        """Where a place of the map lies in the window."""
        box = self.page.locator(".map").bounding_box()
        dx, dy = self.run("([x, y]) => aaeExplorer.map.view.toScreen(x, y)", [x, y])
        return box["x"] + dx, box["y"] + dy

    def tool(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def image(self, selector, pixels=None):
        """The values of a canvas, as bytes: red, green, blue, opacity; or of some pixels (x, y) only."""
        return self.run("""([selector, pixels]) => { const c = document.querySelector(selector);
            const copy = document.createElement("canvas"); [copy.width, copy.height] = [c.width, c.height];
            const g = copy.getContext("2d", { willReadFrequently: true }); g.drawImage(c, 0, 0);
            const of = (...box) => [...g.getImageData(...box).data];
            return pixels ? pixels.map(([x, y]) => of(x, y, 1, 1)) : of(0, 0, c.width, c.height); }""",
                        [selector, pixels])

    def download(self):
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Download labels.csv").click()
        assert download.value.suggested_filename == "labels.csv"
        return Path(download.value.path()).read_text("utf-8")

    def axe(self):
        if not AXE.exists():
            pytest.skip("axe-core is not installed: run `make explorer` first")
        self.run(AXE.read_text("utf-8"))
        found = self.run("async () => (await axe.run()).violations")
        return [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]


@pytest.fixture
def visit(chromium, tmp_path):
    """Opens a page, or a payload as one; afterwards nothing may have gone wrong on it."""
    contexts, visits = [], []

    def open_page(entries, width=1200, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        written = isinstance(entries, Path)
        address = entries.as_uri() if written else explorer_pages.write(tmp_path / f"page{len(visits)}.html", entries)
        visits.append(Visit(context, address))
        return visits[-1]

    yield open_page
    for context in contexts:
        context.close()
    assert [problem for one in visits for problem in one.problems] == []
