"""Stand-in for the get-pip script that ansible-test fetches from a host of its own: pip comes from the wheel beside it.

ansible-test looks for it as get_pip_VERSION.py in its cache; `home.py` puts this file and the wheel there.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
# get-pip's own options, which pip does not know.
NOT_PIPS = {"--no-setuptools", "--no-wheel"}


def main() -> None:
    """Install what the arguments name, with the wheel's own pip."""
    version = HERE.stem.removeprefix("get_pip_").replace("_", ".")
    sys.path.insert(0, str(next(HERE.parent.glob(f"pip-{version}-*.whl"))))
    sys.argv[1:] = ["install", "--upgrade", "--force-reinstall", *(a for a in sys.argv[1:] if a not in NOT_PIPS)]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
