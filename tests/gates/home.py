"""Set up VENV/home, the home folder of the gates that run with VENV, so that no developer's own home is touched.

It carries pip's settings over (ansible-test hides PIP_* variables from the pip that it runs), and the pip bootstrap
that ansible-test would fetch from a host of its own.
"""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path


def write_pip_settings(venv: Path, home: Path) -> None:
    """Write the pip settings in force, from files and environment, to `home`."""
    settings = configparser.RawConfigParser()
    settings.add_section("global")
    listing = subprocess.run(
        [venv / "bin" / "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    for line in sorted(listing.splitlines()):  # ":env:" sorts before the files' sections, which must not win
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        if not settings.has_option(section, option):
            settings.set(section, option, ast.literal_eval(value))
    settings.set("global", "quiet", "2")  # the log is for what failed
    target = home / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as stream:
        settings.write(stream)


def write_pip_bootstrap(venv: Path, home: Path) -> None:
    """Put the pip that this venv's ansible-test asks for into its cache."""
    requirements = next(venv.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"))
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"\bpip='([\d.]+)'", requirements.read_text(encoding="utf-8"))):
        subprocess.run(
            [venv / "bin" / "pip", "download", "-qq", "--no-deps", "--dest", cache, f"pip=={version}"], check=True
        )
        shutil.copy(Path(__file__).with_name("get_pip.py"), cache / f"get_pip_{version.replace('.', '_')}.py")


if __name__ == "__main__":
    VENV = Path(sys.argv[1]).resolve()
    write_pip_settings(VENV, VENV / "home")
    write_pip_bootstrap(VENV, VENV / "home")
