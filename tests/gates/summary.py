"""Summarize `make test` or `make bench`: the machine, the CPU time, gates without a result, and the tests.

summary.py NAME ...: the gates that should have run. A gate without a result is a failure.
"""

from __future__ import annotations

import json
import sys

from gate import BUILD, Result


def main(names: list[str]) -> int:
    """Print the closing lines for the gates `names` and return the exit code."""
    results = [Result(**json.loads(path.read_text(encoding="utf-8"))) for path in (BUILD / "results").glob("*.json")]
    missing = sorted(set(names) - {result.name for result in results})
    ran: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda result: result.name):
        ran.setdefault(result.environment, []).append(result.name)
    for environment, gates in sorted(ran.items()):
        print(f"ran on {environment}: {', '.join(gates)}")
    print(f"computed: {sum(result.cpu_seconds for result in results):.0f} s of CPU, set-up not counted")
    if not any(name.endswith("-newest") for name in names):
        print("not found: a Python 3.12 or newer, so the newest ansible-core was not tried")
    if missing:
        print(f"did not run: {', '.join(missing)}")
    passed, failed, skipped = (
        sum(getattr(result, part) for result in results) for part in ("passed", "failed", "skipped")
    )
    failed += len(missing)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
