"""Size and speed of the explorer's page; writes the table of docs/explorer.md.

``python benchmarks/explorer.py [RUN]`` makes pages of 5,000 and of 20,000 rows of a run (of MNIST, which it trains for
some steps if none is given), opens them in Chromium without a graphics card, and measures. It needs playwright and
Chromium, and the MNIST files in ``AAE_DATA_DIR``.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from aae.explorer.page import write_page
from aae.explorer.payload import run_payload
from aae.runs.open import open_run
from aae.system.machine import describe_machine

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "explorer.json"
PAGE = ROOT / "docs" / "explorer.md"
ROWS = (5_000, 20_000)
TIMES = 3  # the page is opened; the median counts
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
DECODE = """() => { const { decoding } = aaeExplorer, times = [];
    for (let k = 0; k < 120; k++) { const start = performance.now();
        decoding.decoder.decode(decoding.code(k)); times.push(performance.now() - start); }
    return times.slice(20).sort((a, b) => a - b)[50]; }"""
ZOOM = """async () => { const { map } = aaeExplorer, next = () => new Promise(requestAnimationFrame);
    for (let k = 0; k < 10; k++) { map.redraw(); await next(); }
    const start = performance.now();
    for (let k = 0; k < 100; k++) { map._zoom(k % 50 < 25 ? 1.03 : 1 / 1.03); await next(); }
    return 100000 / (performance.now() - start); }"""


def pages(run: Path, folder: Path) -> dict[int, Path]:
    """Pages of the run by their number of rows."""
    found = {}
    for rows in ROWS:
        found[rows] = folder / f"{rows}.html"
        write_page(run_payload(open_run(run), rows), found[rows])
    return found


def measure(browser: Browser, page: Path) -> dict[str, float]:
    """Figures of one page: megabytes, seconds to the first picture, milliseconds a decode, frames a second."""
    found: dict[str, list[float]] = {"first": [], "decode": [], "frames": [], "frame": []}
    for _ in range(TIMES):
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        tab = context.new_page()
        tab.goto(page.as_uri())
        tab.wait_for_function("() => window.aaeExplorer?.map.firstPicture")
        found["first"].append(tab.evaluate("() => aaeExplorer.map.firstPicture") / 1000)
        session = context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        found["decode"].append(tab.evaluate(DECODE))
        before = busy(session)
        found["frames"].append(tab.evaluate(ZOOM))
        found["frame"].append(1000 * (busy(session) - before) / 110)
        context.close()
    medians = {name: sorted(values)[TIMES // 2] for name, values in found.items()}
    return {"megabytes": page.stat().st_size / 1e6, **medians}


def busy(session: Any) -> float:
    """Seconds for which the page's thread has had the processor."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(entry["value"] for entry in metrics if entry["name"] == "TaskDuration"))


def section(results: dict[str, Any]) -> str:
    """The section of the page."""
    text = (f"Rows of MNIST and the decoder of `few-labels`; median of {TIMES} visits in Chromium, which draws by "
            f"software where there is no graphics card, as here ({results['machine']}, on a core shared with other "
            "work, which delays the first picture); written by `python benchmarks/explorer.py`.")  # fmt: skip
    lines = [
        "## Size and speed", "", *textwrap.wrap(text, 120), "",
        "| rows | file | first picture after | decoding an image | frames a second, zooming | processor time of each |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for rows, one in results["pages"].items():
        lines.append(f"| {int(rows):,} | {one['megabytes']:.1f} MB | {one['first']:.2f} s | {one['decode']:.1f} ms | "
                     f"{one['frames']:.0f} | {one['frame']:.1f} ms |")  # fmt: skip
    return "\n".join([*lines, ""])


def write(text: str) -> None:
    """Put the section in its place in the document."""
    before = PAGE.read_text("utf-8") if PAGE.exists() else "# The explorer\n"
    found = re.search(r"^## Size and speed\n.*?(?=^## |\Z)", before, re.M | re.S)
    if found:
        after = before.replace(found[0], text + "\n" * (found.end() < len(before)))
    else:
        after = f"{before.rstrip()}\n\n{text}"
    PAGE.write_text(after, "utf-8")


def bench(given: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(given or Path(folder) / "mnist")
        if given is None:
            subprocess.run([sys.executable, "-m", "aae", "train", "few-labels", "--data", "mnist", "--steps", "100",
                            "--out", run, "--quiet"], check=True)  # fmt: skip
        made = pages(run, Path(folder))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            figures = {str(rows): measure(browser, page) for rows, page in made.items()}
            browser.close()
    results = {"machine": describe_machine(), "pages": figures}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    write(section(results))
    print(section(results))


if __name__ == "__main__":
    bench(sys.argv[1] if len(sys.argv) > 1 else None)
