"""The tests that are marked ``numeric``, as other processors and other numbers of threads would run them.

``python tests/portable.py`` tries settings that hold every value once, with the run of all tests; ``--all`` tries all
of them; arguments after ``--`` go to pytest. The variables leave instructions of this processor out. They add none, so
that any processor can try all settings: what it does not have is left out already.
"""

import itertools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).parent
# PyTorch's own operations follow the first variable, products of matrices in MKL the second.
PROCESSORS = {
    "default": {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "as it is": {},
}
ONEDNN = {"AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "as it is": {}}
THREADS = ("1", "2")
ALL = list(itertools.product(PROCESSORS, ONEDNN, THREADS))
# The run of all tests is one more: as it is, with one thread.
USUAL = [("default", "AVX2", "2"), ("avx2", "as it is", "2")]
TAKEN = {"ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "PYTEST_ADDOPTS"}


def environment(processor, onednn, threads):
    """The variables of one setting; idle threads sleep, for another setting runs beside this one."""
    own = {name: value for name, value in os.environ.items() if name not in TAKEN}
    counts = {"OMP_NUM_THREADS": threads, "AAE_TEST_THREADS": threads, "OMP_WAIT_POLICY": "passive"}
    return own | counts | PROCESSORS[processor] | ONEDNN[onednn]


def files():
    """The files that hold such tests; to collect all others would take longer than to run these."""
    return [path for path in sorted(TESTS.rglob("test_*.py")) if "mark.numeric" in path.read_text()]


def run(setting, arguments):
    """Run the tests in one setting and say in a line how they ended, with what pytest said if they failed."""
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-m", "numeric", "-p", "no:cacheprovider", *arguments, *files()]
    done = subprocess.run(command, env=environment(*setting), cwd=TESTS.parent, capture_output=True, text=True)
    last = (done.stdout.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    said = f"processor {setting[0]:8}  oneDNN {setting[1]:8}  threads {setting[2]}:  {last}"
    took = f"{time.monotonic() - start:.0f} s in all"
    print(f"{said}, {took}" if not done.returncode else f"{said}, {took}\n{done.stdout}{done.stderr}", flush=True)
    return done.returncode


def main(words):
    own, _, arguments = " ".join(words).partition("--" if words[:1] == ["--"] else " -- ")
    settings = ALL if "--all" in own.split() else USUAL
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        codes = list(pool.map(lambda setting: run(setting, arguments.split()), settings))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
