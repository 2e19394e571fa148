"""Runs all fault tests (``faults``) or fuzz tests (``fuzz``) and writes the results into docs/reliability.md."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aae.system.machine import describe_machine

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks/results/reliability.json", ROOT / "docs/reliability.md"
BEGIN, END = "<!-- {} -->\n", "<!-- end of {} -->"


def measure(kind: str) -> int:
    """Run all tests of one kind and save the results that they record."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        lines.touch()
        environment = {**os.environ, "AAE_RELIABILITY": str(lines), f"AAE_{kind.upper()}": "all"}
        command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", f"tests/{kind}"]
        code = subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode
        found = [json.loads(line) for line in lines.read_text().splitlines()]
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    minutes = round((time.monotonic() - start) / 60, 1)
    results[kind] = {"machine": describe_machine(), "minutes": minutes, "parts": found}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return code


def table(result: dict) -> str:
    """The rows of one kind, summed over parts with the same name."""
    rows: dict[str, list[int]] = {}
    for part in result["parts"]:
        sums = rows.setdefault(part["part"], [0, 0, 0])
        for k, name in enumerate(("tried", "survived", "lost")):
            sums[k] += part[name]
    lines = ["| fault or input | cases | ended as promised | lost |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {tried:,} | {good:,} | {lost} |" for name, (tried, good, lost) in sorted(rows.items())]
    total, good, lost = (sum(column) for column in zip(*rows.values(), strict=True))
    lines.append(f"| total | {total:,} | {good:,} | {lost} |")
    return "\n".join(lines) + f"\n\n{result['minutes']} minutes on {result['machine']}.\n"


def write() -> None:
    """Write the tables into the page, between their markers."""
    page = PAGE.read_text()
    for kind, result in json.loads(RESULTS.read_text()).items():
        before, rest = page.split(BEGIN.format(kind))
        after = rest.split(END.format(kind))[1]
        page = before + BEGIN.format(kind) + table(result) + END.format(kind) + after
    PAGE.write_text(page)


if __name__ == "__main__":
    (kind,) = sys.argv[1:]
    code = measure(kind)
    write()
    sys.exit(code)
