"""A sandbox for the system tests, over real TCP, and real ansible-playbook runs against it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible

sys.path.insert(0, str(COLLECTION / "roles/sandbox/files"))

from yateota_sandbox import Options, Sandbox

SECRET = "correct-horse"


def starting() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes with options of one's own; the clock does not run unless `speed` says otherwise."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Sandbox:
            return stack.enter_context(Sandbox(Options(**{"secret": SECRET, "speed": 0, **options})))

        yield start


start_sandbox = pytest.fixture(starting, name="start_sandbox")
# For a playbook that several tests look into.
start_sandbox_once = pytest.fixture(starting, name="start_sandbox_once", scope="module")


@pytest.fixture
def sandbox(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """The small scenario over HTTP, its clock standing still."""
    return start_sandbox()


@pytest.fixture
def ansible_for(tmp_path: Path) -> Callable[[Sandbox], Ansible]:
    """Runs playbooks against a sandbox of one's own: `ansible_for(start_sandbox(tls=True))("node_stats")`."""

    def against(box: Sandbox) -> Ansible:
        server = {"YATEOTA_API_URL": box.url, "YATEOTA_API_SECRET": SECRET}
        if box.ca_path:
            server["YATEOTA_CA_PATH"] = str(box.ca_path)
        return Ansible(tmp_path, server)

    return against


@pytest.fixture
def ansible_playbook(ansible_for: Callable[[Sandbox], Ansible], sandbox: Sandbox) -> Ansible:
    """Runs playbooks against `sandbox`: `ansible_playbook("campaign_pause", {"campaign_id": 144}, "--check")`."""
    return ansible_for(sandbox)
