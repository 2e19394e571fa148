"""Pictures of the explorer's pages, for docs/labelling.md and docs/explorer.md.

``python benchmarks/explorer_pictures.py [RUN]`` makes the explorer and a labelling page of a run (an embedding of
scikit-learn's digits, which it trains if none is given), opens them in Chromium and writes docs/images/labelling.png
and docs/images/explorer.png. It needs playwright and Chromium.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from explorer import ARGUMENTS, ROOT

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1200, 760
COLOURS = 256  # of a picture
LABELLED = 7  # rows before the picture is taken


def aae(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "aae", *map(str, words)], check=True)


def labelling(page: Page) -> None:
    """Some rows labelled by their key, the next one in sight."""
    for _ in range(LABELLED):
        page.keyboard.press("Enter")  # the proposed class


def map_of_rows(page: Page) -> None:
    """A row in focus on the map."""
    page.keyboard.press("m")
    for key in ("ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)


def picture(page: Page, out: Path) -> None:
    """The window as a small PNG."""
    page.wait_for_timeout(500)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


def take(given: str | None) -> None:
    """Make the pages and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run = Path(given or work / "embedding")
        if given is None:
            aae("train", "embedding", "--data", "digits", "--labels", 100, "--out", run, "--no-report")
        aae("explore", run, "--out", work / "explorer.html")
        aae("suggest", run, "--n", 20, "--out", work / "labelling.csv")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            for name, prepare in (("labelling", labelling), ("explorer", map_of_rows)):
                tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                tab.goto((work / f"{name}.html").as_uri())
                tab.wait_for_function("() => window.aaeExplorer")
                prepare(tab)
                picture(tab, IMAGES / f"{name}.png")
            browser.close()


if __name__ == "__main__":
    take(sys.argv[1] if len(sys.argv) > 1 else None)
