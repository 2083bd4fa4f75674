"""Build the documentation site: build.py DESTINATION.

The pages are written to DESTINATION/html.

The guides, the README and the changelog are copied as they are, except that links to files without a page lead to the
repository. antsibull-docs writes the reference of modules, roles and plugins. A warning of Sphinx is an error, and so
is a broken link between the pages.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/simops/yateota/blob/main/"
COLLECTION = "simops.yateota"
GUIDES = [
    "getting_started",
    "routine_operations",
    "bulk",
    "tickets",
    "how_to",
    "awx",
    "fleets",
    "events",
    "sandbox",
    "security",
    "troubleshooting",
    "upgrading",
    "in_process",
    "api",
]
"""The guides in reading order."""
INDEX = """\
```{{toctree}}
:caption: Guides
:maxdepth: 1

{guides}
```

```{{toctree}}
:caption: Reference
:maxdepth: 1

Playbooks <playbooks>
Modules, roles and plugins <reference/index>
Release notes <changelog>
```
"""


def link(page: Path, target: str) -> str:
    """Return the target of a page's link on the site: a page, or the repository."""
    path, _hash, anchor = target.partition("#")
    if target.startswith("#") or "://" in path:
        if not path.startswith(REPOSITORY):
            return target
        file = ROOT / path.removeprefix(REPOSITORY)
    else:
        file = (page.parent / path).resolve()
    suffix = f"#{anchor}" if anchor else ""
    within = file.relative_to(ROOT)
    if within.parent == Path("docs") and within.suffix == ".md":
        return f"{within.name}{suffix}"
    if within == Path("CHANGELOG.md"):
        return f"changelog.md{suffix}"
    if within == Path("README.md"):
        return f"index.md{suffix}"
    if within.parts[0] == "roles" and within.name == "README.md":
        return f"reference/{within.parts[1]}_role.rst"
    return f"{REPOSITORY}{within}{suffix}"


def page(path: Path) -> str:
    """Return the text of a page with its links changed for the site."""
    text = path.read_text(encoding="utf-8").replace("```make\n", "```sh\n")
    return re.sub(r"\]\(([^)\s]+)\)", lambda found: f"]({link(path, found[1])})", text)


def write_sources(source: Path) -> None:
    """Write all pages that are not generated."""
    shutil.copy(Path(__file__).with_name("conf.py"), source)
    for name in GUIDES:
        (source / f"{name}.md").write_text(page(ROOT / "docs" / f"{name}.md"), encoding="utf-8")
    (source / "changelog.md").write_text(page(ROOT / "CHANGELOG.md"), encoding="utf-8")
    readme = re.sub(r"!\[([^]]*)\]\([^)]*/(docs/images/[^)]+)\)", r"![\1](\2)", page(ROOT / "README.md"))
    listed = readme[readme.index("### Playbooks") : readme.index("### Modules")]
    (source / "playbooks.md").write_text(listed.replace("###", "#"), encoding="utf-8")
    start, end = readme.index("# simops.yateota"), readme.index("### Playbooks")
    guides = "\n".join(GUIDES)
    (source / "index.md").write_text(readme[start:end] + INDEX.format(guides=guides), encoding="utf-8")
    shutil.copytree(ROOT / "docs/images", source / "docs/images")


class _Anchors(HTMLParser):
    """The targets in a page, and those of its links."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.targets |= {given[name] or "" for name in ("id", "name") if name in given}
        for name in ("href", "src"):
            if given.get(name):
                self.links.add(str(given[name]))


def broken_links(html: Path) -> list[str]:
    """Return the broken links between the pages."""
    pages = {}
    for file in html.rglob("*.html"):
        pages[file.resolve()] = anchors = _Anchors()
        anchors.feed(file.read_text(encoding="utf-8"))
    broken = []
    for file, anchors in pages.items():
        for target in sorted(anchors.links):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            known = pages[there].targets if there in pages else set()
            if not there.exists() or (parts.fragment and there in pages and unquote(parts.fragment) not in known):
                broken.append(f"{file.relative_to(html.resolve())}: {target}")
    return broken


def main(destination: Path) -> int:
    """Build the whole site."""
    shutil.rmtree(destination, ignore_errors=True)
    source = destination / "source"
    reference = source / "reference"
    reference.mkdir(parents=True)
    reference.chmod(0o700)  # antsibull-docs requires that only the user has access
    write_sources(source)
    generate = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--dest-dir", reference]
    subprocess.run([*generate, "--no-add-antsibull-docs-version", COLLECTION], check=True)
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    subprocess.run([*build, source, destination / "html"], check=True)
    broken = broken_links(destination / "html")
    print(*(f"ERROR: broken link: {link}" for link in broken), sep="\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
