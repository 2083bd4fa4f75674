"""Replace the get-pip script of ansible-test: link an installed pip.

ansible-test would download it otherwise.

ansible-test looks for it as get_pip_VERSION.py in its cache; `home.py` puts this file there, and pip, compiled, in
pip-VERSION/. ansible-test makes an environment for nearly every sanity test. Linking the files takes no time, but pip
takes seconds to install and compile itself.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve()


def link(source: str, target: str) -> None:
    """Link a file, or copy it to another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def main() -> None:
    """Link pip into the environment of the running Python.

    The arguments name what else is linked.
    """
    source = HERE.with_name("pip-" + HERE.stem.removeprefix("get_pip_").replace("_", "."))
    for requirement in (word for word in sys.argv[1:] if not word.startswith("-")):
        if not (source / f"{requirement.replace('==', '-')}.dist-info").is_dir():
            sys.exit(f"{source} does not have {requirement}, which ansible-test requires: see tests/gates/home.py.")
    shutil.copytree(source, sysconfig.get_path("purelib"), copy_function=link, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
