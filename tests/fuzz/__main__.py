"""Spoil the server's answers to every module, and check the results.

Nothing may be sent more than once, be lost, hang or be misread.

`python tests/fuzz [--answers N] [--seed S] [--jobs J]` continues by seed until so many answers have been spoiled;
`python tests/fuzz --replay SEED` runs one seed again, and prints the outcomes of its tasks.
"""

from __future__ import annotations

import argparse
import sys

from workers import fuzz, replay


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--replay", type=int, metavar="SEED", help="run this seed alone")
    given = parser.parse_args()
    if given.replay is not None:
        return bool(replay(given.replay))
    found = fuzz(given.answers, given.seed, given.jobs)
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.items()))
    return bool(found["seeds_with_problems"])


if __name__ == "__main__":
    sys.exit(main())
