"""Looks up every pinned package in the database of known vulnerabilities; fails if one is vulnerable."""

import json
import subprocess
import sys


def main() -> str | None:
    command = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip"]
    done = subprocess.run([*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"NOT AUDITED: {done.stderr.strip().splitlines()[-1] if done.stderr else 'no answer'}")
        return None
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        print(f"NOT AUDITED: {len(unknown)} of {len(packages)} packages are not in the database.")
    bad = [f"{package['name']} {package['version']}: {', '.join(found['id'] for found in package['vulns'])}"
           for package in packages if package.get("vulns")]  # fmt: skip
    if bad:
        return "Vulnerable packages are pinned in constraints.txt:\n" + "\n".join(bad)
    print(f"{len(packages) - len(unknown)} of {len(packages)} packages audited, none known to be vulnerable.")
    return None


if __name__ == "__main__":
    sys.exit(main())
