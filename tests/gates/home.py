"""Set up VENV/home, the home folder of gates that run with VENV.

A developer's own home is not used. It has the user's pip settings (ansible-test hides PIP_* variables from the pip that
it runs), and the pip bootstrap that ansible-test would download.
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
    """Write the pip settings in effect, from files and environment, to `home`."""
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
    settings.set("global", "quiet", "2")  # the log is for failures
    # ansible-test installs packages for one test, which imports only a small part: Python compiles that part alone.
    if not settings.has_section("install"):
        settings.add_section("install")
    settings.set("install", "no-compile", "true")
    target = home / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as stream:
        settings.write(stream)


def write_pip_bootstrap(venv: Path, home: Path) -> None:
    """Put the packages that ansible-test begins with, and their script, into its cache."""
    source = next(venv.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"))
    found = re.search(r"default_packages = dict\(([^)]*)\)", source.read_text(encoding="utf-8"))
    packages = dict(re.findall(r"(\w+)='([\d.]+)'", found[1])) if found else {}
    cache = home / ".ansible" / "test" / "cache"
    folder = cache / f"pip-{packages['pip']}"
    shutil.rmtree(folder, ignore_errors=True)
    command = [f"{venv}/bin/pip", "install", "-qq", "--no-deps", "--compile", "--target", str(folder)]
    subprocess.run([*command, *map("==".join, packages.items())], check=True)
    # Files that belong in an environment's own folder of commands are left out.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    shutil.copy(Path(__file__).with_name("get_pip.py"), cache / f"get_pip_{packages['pip'].replace('.', '_')}.py")


if __name__ == "__main__":
    VENV = Path(sys.argv[1]).resolve()
    write_pip_settings(VENV, VENV / "home")
    write_pip_bootstrap(VENV, VENV / "home")
