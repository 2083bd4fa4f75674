# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pattern that matches no host is an error, not a play that is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants, context
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs
from ansible_collections.simops.yateota.plugins.lookup.play_hosts import LookupModule

GROUPS = {"all": ["one", "two", "web"], "ungrouped": ["web"], "ota": ["one", "two"], "empty": []}


def hosts(pattern: Any, groups: dict[str, list[str]] | None = None) -> Any:
    (found,) = LookupModule(loader=DataLoader(), templar=None).run([pattern], {"groups": groups or GROUPS})
    return found


@pytest.fixture(autouse=True)
def default_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ansible only warn of an unknown host, whatever the environment says: that of ansible-test makes it fail."""
    monkeypatch.setattr(constants, "HOST_PATTERN_MISMATCH", "warning")


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set ``--limit`` and the like."""
    return lambda **arguments: monkeypatch.setattr(context, "CLIARGS", CLIArgs(arguments))


@pytest.mark.parametrize("pattern", ["ota", "one", "o*", "ota:!one", "all", "localhost", "one,two", "~o.e"])
def test_a_pattern_that_matches_stays_as_it_is(pattern: str) -> None:
    assert hosts(pattern) == pattern
    # Ansible takes what stands between commas for whole patterns.
    assert hosts([pattern, "one"]) == f"{pattern.replace(':', ',')},one"
    assert hosts(None) == hosts("") == hosts(" ") == hosts([]) == "localhost"
    assert hosts("localhost", {"all": [], "ungrouped": []}) == "localhost"


@pytest.mark.parametrize("pattern", ["empty", "otta", "three", "x*", "ota:!all"])
@pytest.mark.filterwarnings("ignore")
def test_a_pattern_that_matches_no_host_is_refused(pattern: str) -> None:
    with pytest.raises(AnsibleLookupError) as refused:
        hosts(pattern)
    assert str(refused.value).startswith(f"yateota_hosts '{pattern}' matches no host of the inventory: give a group")


def test_what_limit_leaves_counts(limit: Any) -> None:
    limit(subset="one")
    assert hosts("ota") == "ota"
    limit(subset="web")
    with pytest.raises(AnsibleLookupError, match="matches no host of the inventory within --limit web: give a group"):
        hosts("ota")
    limit(subset="web", syntax=True)
    assert hosts("ota") == "ota"


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("one,nroth", "nroth"),
        ("nroth, one", "nroth"),
        ("one:nroth:!two", "nroth"),
        ("ota:!nroth", "!nroth"),
        (["one", ["nroth"]], "nroth"),
        ("ota,x*", "x*"),
        ("ota[0],ota[7]", "ota[7]"),
        ("two,!otta", "!otta"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_each_of_several_patterns_must_match_a_host(pattern: Any, part: str) -> None:
    """Ansible ignores the others with a warning."""
    with pytest.raises(AnsibleLookupError) as refused:
        hosts(pattern)
    assert f": '{part}' matches no host of the inventory: give a group or hosts that it has" in str(refused.value)


@pytest.mark.parametrize(
    "pattern", ["ota,!empty", "ota:!one:!x*", "all,&ota", "one,localhost", "ota[0:1],web", "ota,empty", "empty:one"]
)
@pytest.mark.filterwarnings("ignore")
def test_what_excludes_and_a_group_without_hosts_may_match_none(pattern: str) -> None:
    assert hosts(pattern) == pattern


@pytest.mark.filterwarnings("ignore")
def test_each_pattern_of_limit_must_match_a_host(limit: Any, tmp_path: Path) -> None:
    limit(subset="one,nroth")
    with pytest.raises(
        AnsibleLookupError, match=r"^--limit 'one,nroth': 'nroth' matches no host of the inventory: give"
    ):
        hosts("ota")
    limit(subset="one,empty")
    assert hosts("ota") == "ota"
    limit(subset="one,web")  # a part of the inventory that yateota_hosts does not name
    assert hosts("one,two") == "one,two"
    (tmp_path / "hosts.retry").write_text("one\n")
    limit(subset=f"two,@{tmp_path}/hosts.retry")
    assert hosts("ota") == "ota"


@pytest.mark.parametrize("job", ["awx_job_id", "tower_job_id"])
@pytest.mark.filterwarnings("ignore")
def test_a_slice_has_only_some_of_the_named_hosts(limit: Any, job: str) -> None:
    """AWX gives each job of a sliced template an inventory with its own hosts."""
    groups = {"all": ["one"], "ungrouped": [], "ota": ["one"]}

    def sliced(pattern: Any) -> Any:
        return LookupModule(loader=DataLoader(), templar=None).run([pattern], {"groups": groups, job: 7})

    for pattern in ("ota", "one,two,three", "ota:!two", ["one", "two"]):
        for limited in (None, "one,two"):
            limit(subset=limited)
            assert sliced(pattern) == [",".join(pattern) if isinstance(pattern, list) else pattern]
    with pytest.raises(AnsibleLookupError, match=r"^yateota_hosts 'two,three' matches no host of the inventory within"):
        sliced("two,three")
