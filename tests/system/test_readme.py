"""README.md and docs/: their commands and their first playbook run unchanged, and what they name exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, Run, run

README = (COLLECTION / "README.md").read_text(encoding="utf-8")
TROUBLES = (COLLECTION / "docs/troubleshooting.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """README's code blocks in a language, as one copies them: without the indentation of the list they stand in."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def shell(text: str, environ: Mapping[str, str], folder: Path) -> Run:
    return run(["bash", "-euo", "pipefail", "-c", text], environ, folder)


def test_first_steps_run_as_they_stand(
    ansible_playbook: Ansible, sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = ansible_playbook.environ()
    del environ["ANSIBLE_COLLECTIONS_PATH"]  # what is run is what was installed
    install, two_commands, report, first, by_name = blocks("sh")
    (playbook,) = blocks("yaml")
    (tmp_path / "first.yml").write_text(playbook)

    installed = shell(install, environ, COLLECTION)
    assert installed.ok, installed.output
    assert (tmp_path / "ansible/collections/ansible_collections/simops/yateota/README.md").is_file()

    shown = shell(report, environ, tmp_path)
    assert shown.ok, shown.output
    assert "Preferred networks spring" in shown.output
    assert sandbox.writes() == []

    ran = shell(first, environ, tmp_path)
    assert ran.ok, ran.output
    assert [entry["params"]["action"] for entry in sandbox.writes()] == ["retry"] * 44

    sandbox.clear_journal()
    paused = shell(by_name, environ, tmp_path)
    assert paused.ok, paused.output
    assert [entry["params"] for entry in sandbox.writes()] == [{"campaign_id": 144, "action": "pause"}]

    for command in two_commands.splitlines():
        assert shell(f"{command} --dry-run", environ, COLLECTION).ok, command


def test_variables_of_the_environment_are_those_of_the_modules() -> None:
    (export,) = blocks("bash")
    fragment = (COLLECTION / "plugins/doc_fragments/connection.py").read_text(encoding="utf-8")
    known = set(re.findall(r"E\((YATEOTA_\w+)\)", fragment))
    assert set(re.findall(r"YATEOTA_\w+", export)) == {"YATEOTA_API_URL", "YATEOTA_API_SECRET"}
    code = (COLLECTION / "plugins/plugin_utils/_in_process.py").read_text(encoding="utf-8")
    switch = re.findall(r'^SWITCH_ENVIRONMENT = "(\w+)"', code, re.MULTILINE)
    assert len(switch) == 1
    assert set(re.findall(r"YATEOTA_\w+[A-Z]", README + TROUBLES)) <= known | set(switch)


@pytest.mark.parametrize("page", ["README.md", *sorted(f"docs/{path.name}" for path in COLLECTION.glob("docs/*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    path = COLLECTION / page
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"{page} links to {target}"
    # The page on Galaxy has no files beside it: the README links to those of the repository by their whole address.
    for target in re.findall(r"\]\(https://github.com/simops/yateota/(?:blob|raw)/main/([^)#]+)", text):
        assert (COLLECTION / target).exists(), f"{page} links to {target}"


# Sentences that are put together when they are needed, and what brings them about.
PROVOKED = {
    "api_secret is needed": {"YATEOTA_API_SECRET": None},
    "api_secret is wrong or may not be used from here": {"YATEOTA_API_SECRET": "staple"},
}
# Sentences of Ansible itself.
FOREIGN = {"missing required arguments: api_url", "Failed to import the required Python library (requests)"}


@pytest.mark.parametrize("heading", PROVOKED)
def test_troubleshooting_quotes_what_happens(heading: str, ansible_playbook: Ansible) -> None:
    assert heading in ansible_playbook("node_stats", environ=PROVOKED[heading]).words


def test_troubleshooting_quotes_the_code() -> None:
    """Each heading's parts, between the dots that stand for names and numbers, are in the text of the code."""
    folders = (COLLECTION / "plugins", COLLECTION / "playbooks")
    sources = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".yml")]
    text = " ".join(" ".join(path.read_text(encoding="utf-8").split()) for path in sources)
    text = re.sub(r'" f?"', "", text)  # a sentence over two lines of code
    headings = set(re.findall(r"^### (.*)$", TROUBLES, re.MULTILINE))
    assert headings > FOREIGN | PROVOKED.keys()
    quoted = headings - FOREIGN - PROVOKED.keys()
    assert [heading for heading in quoted if not all(part.strip() in text for part in heading.split("…"))] == []
