"""Checks whether two checkouts of this repository train the same weights, to the bit, on this machine.

    python benchmarks/compare_checkouts.py OLD NEW                 # every preset on digits, 200 steps, seed 0
    python benchmarks/compare_checkouts.py OLD NEW --preset vae    # only some

Each training is a separate process, in float32 on one thread. Both checkouts run in the environment of this
script. Prints one line for each preset; the exit code is 1 if any weights differ.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safetensors.numpy import load_file

from aae.presets.presets import PRESETS

THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def trained(checkout: Path, preset: str, steps: int, folder: Path) -> dict[str, bytes]:
    """Train in a checkout; returns the bytes of all weights."""
    out = folder / f"{preset}-{checkout.resolve().as_posix().strip('/').replace('/', '-')}"
    arguments = ["train", preset, "--data", "digits", "--steps", str(steps), "--seed", "0", "--device", "cpu"]
    arguments += ["--precision", "32", "--no-report", "--out", str(out)]
    environment = {**os.environ, **THREADS, "PYTHONPATH": str(checkout.resolve() / "src")}
    command = [sys.executable, "-m", "aae", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(f"{checkout}: {done.stderr.strip()}")
    return {name: value.tobytes() for name, value in load_file(out / "model" / "weights.safetensors").items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--preset", action="append", choices=PRESETS)
    given = parser.parse_args()
    different = 0
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        for preset in given.preset or PRESETS:
            old, new = pool.map(
                lambda checkout, name=preset: trained(checkout, name, given.steps, Path(place)), (given.old, given.new)
            )
            names = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
            different += bool(names)
            verdict = f"{len(names)} of {len(old)} differ, such as {min(names)}" if names else "equal"
            print(f"{preset}: {len(old)} weights, {verdict}", flush=True)
    raise SystemExit(bool(different))


if __name__ == "__main__":
    main()
