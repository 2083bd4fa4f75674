# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a SQLite ledger: whole when it is copied alone, and its owner's alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._ledger import sqlite
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempts
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change, find_or_create_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_ledger, open_read_only
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET

from yateota_sandbox import Sandbox

DRIVER = Path(__file__).parents[3] / "benchmarks" / "driver.py"
FACTS = {"api_url": "http://localhost/api.php", "node": "ota", "action": "retry", "selection": {}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> str:
    return str(path)


def sent_for(sandbox: Sandbox) -> list[int]:
    return [entry["params"]["participant_id"] for entry in sandbox.writes()]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- Copied and read while it is written ------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", ["the one file", "all files"])
def test_a_copy_of_what_a_killed_run_left_knows_what_was_sent(
    copied: str, bulk: Bulk, sandbox: Sandbox, path: Path
) -> None:
    options = {
        "api_url": sandbox.url,
        "api_secret": SECRET,
        "ledger": str(path),
        "change_id": "CHG1",
        "state": "applied",
        "action": "retry",
        "selection": {"campaign_id": 167, "state": "failed"},
        "rollout": {"maximum_per_second": 30},
    }
    run = subprocess.Popen([sys.executable, str(DRIVER), json.dumps(options)], stdout=subprocess.DEVNULL)
    wait_until(lambda: len(sent_for(sandbox)) > 9)
    run.kill()
    run.wait()
    copy = path.with_name("copy.sqlite")
    for beside in ("",) if copied == "the one file" else ("", "-wal", "-shm"):
        shutil.copy(f"{path}{beside}", f"{copy}{beside}")
    result = bulk("applied", ledger=str(copy), abort={"threshold_percentage": 100})
    counts = result["change"]["counts"]
    assert counts["done"] + counts["unknown"] == 44
    assert len(sent_for(sandbox)) == len(set(sent_for(sandbox)))


def remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def replace(path: Path) -> None:
    shutil.copy(path, f"{path}.copy")
    os.replace(f"{path}.copy", path)


@pytest.mark.parametrize("disturb", [remove, replace])
def test_nothing_more_is_sent_once_the_file_is_another(
    disturb: Callable[[Path], None], bulk: Bulk, sandbox: Sandbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite writes on to a file that has no name any more: the next run would send all of it again."""
    exchange = Attempts.record

    def disturbed(sends: Attempts, ended: Any, marked: Any) -> None:
        if sandbox.writes() and not disturbed_at:
            disturbed_at.append(len(sandbox.writes()))
            disturb(path)
        exchange(sends, ended, marked)

    disturbed_at: list[int] = []
    monkeypatch.setattr(Attempts, "record", disturbed)
    result = bulk("applied", rollout={"concurrency": 1})
    assert result["failed"]
    assert "was removed or replaced while it was in use" in result["msg"]
    assert len(sent_for(sandbox)) <= disturbed_at[0] + 2  # those marked before


def test_a_backup_that_is_taken_while_it_is_in_use_is_a_ledger(path: Path) -> None:
    backup = path.with_name("backup.sqlite")
    with contextlib.closing(open_ledger(str(path), None)) as opened:
        find_or_create_change(opened, "CHG1", **FACTS)
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(backup)) as target:
            source.backup(target)  # as the shell's .backup
        find_or_create_change(opened, "CHG2", **FACTS)
    with contextlib.closing(open_ledger(str(backup), None)) as restored:
        assert find_change(restored, "CHG1")
        assert not find_change(restored, "CHG2")


def test_a_reader_never_mixes_two_states_of_a_file(path: Path) -> None:
    open_ledger(str(path), None).close()
    reader = open_read_only(str(path), None, patience=60)
    assert reader
    with contextlib.closing(reader):
        turns = []

        def read() -> bool:
            with reader.read() as connection:
                begun = connection.exec_driver_sql("SELECT count(*) FROM yateota_changes").scalar()
                if not turns:  # a writer comes and goes meanwhile
                    with contextlib.closing(open_ledger(str(path), None)) as writer:
                        find_or_create_change(writer, "CHG1", **FACTS)
                turns.append(begun)
                return begun == 1

        assert reader.outage.repeat(read)
        assert turns == [0, 1]


def test_a_reader_changes_no_byte_and_makes_no_file(path: Path) -> None:
    open_ledger(str(path), None).close()
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir()))
    reader = open_read_only(str(path), None)
    assert reader
    reader.close()
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())) == before


def test_identifiers_that_a_reader_keeps_are_told_of_and_removed_later(
    bulk: Bulk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    bulk("applied")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM yateota_participants").fetchone()
        result = bulk("purged", ledger_timeout=0.2)
        assert (result["failed"], result["change"]["status"]) == (True, "purged")
        assert "is being read by another program, so that removed data stays" in result["msg"]
    again = bulk("purged")
    assert (again.get("failed"), again["changed"]) == (None, False)
    for beside in ("", "-wal"):
        file = Path(f"{path}{beside}")
        assert b"8931010" not in (file.read_bytes() if file.exists() else b"")  # as the sandbox's ICCIDs begin


def test_a_file_that_is_compacted_is_not_compacted_again_where_its_log_could_not_be_emptied(
    bulk: Bulk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compacted: list[str] = []
    compact = Ledger.compact
    monkeypatch.setattr(Ledger, "compact", lambda ledger: (compacted.append(ledger.shown), compact(ledger)))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    bulk("applied")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM yateota_participants").fetchone()
        for _turn in range(2):
            assert bulk("purged", ledger_timeout=0.2)["failed"]
    assert not bulk("purged").get("failed")
    assert len(compacted) == 1


def test_a_file_for_whose_compaction_there_was_no_room_is_compacted_later(
    bulk: Bulk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compacted: list[str] = []

    def full(ledger: Ledger) -> None:
        raise InvalidInputError(f"ledger '{ledger.shown}' has no free space")

    bulk("applied")
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "compact", full)
        assert bulk("purged")["failed"]
    assert bulk("applied")["change"]["status"] == "purged"  # this run has compacted nothing
    compact = Ledger.compact
    monkeypatch.setattr(Ledger, "compact", lambda ledger: (compacted.append(ledger.shown), compact(ledger)))
    for _turn in range(2):
        assert not bulk("purged").get("failed")
    assert len(compacted) == 1
    for beside in ("", "-wal"):
        file = Path(f"{path}{beside}")
        assert b"8931010" not in (file.read_bytes() if file.exists() else b"")


def test_a_purge_compacts_once(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    compacted: list[str] = []
    monkeypatch.setattr(Ledger, "compact", lambda ledger: compacted.append(ledger.shown))
    bulk("applied")
    for _turn in range(3):
        bulk("purged")
    assert len(compacted) == 1


# --- Its owner's alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o640])
def test_an_existing_ledger_is_its_owners_alone_from_then_on(path: Path, mode: int) -> None:
    open_ledger(str(path), None).close()
    path.chmod(mode)
    opened = open_ledger(str(path), None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    opened.close()


def test_a_ledger_that_every_user_can_write_is_refused(path: Path) -> None:
    open_ledger(str(path), None).close()
    path.chmod(0o666)
    for way in (open_ledger, open_read_only):
        with pytest.raises(InvalidInputError, match="has the mode 0666, so that every user can write it"):
            way(str(path), None)


def test_a_folder_that_every_user_can_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(InvalidInputError, match="which every user can write: give a file in a folder"):
        open_ledger(str(folder / "ledger.sqlite"), None)
    assert not list(folder.iterdir())
    folder.chmod(0o1777)  # as /tmp, where nobody can replace what is another's
    open_ledger(str(folder / "ledger.sqlite"), None).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's files")
@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
def test_a_file_that_another_user_has_put_there_is_refused(tmp_path: Path, beside: str) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    planted = folder / f"ledger.sqlite{beside}"
    planted.touch(0o600)
    os.chown(planted, 12345, -1)
    with pytest.raises(InvalidInputError, match="belongs to the user with uid 12345"):
        open_ledger(str(folder / "ledger.sqlite"), None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's links")
@pytest.mark.parametrize("beside", ["", "-wal"])
def test_a_link_that_another_user_has_put_there_is_not_followed(tmp_path: Path, beside: str) -> None:
    aim = tmp_path / "of-the-victim"
    link = tmp_path / f"ledger.sqlite{beside}"
    link.symlink_to(aim)
    os.chown(link, 12345, -1, follow_symlinks=False)
    with pytest.raises(InvalidInputError, match=r"symbolic link of the user with uid 12345|is not a regular file"):
        open_ledger(str(tmp_path / "ledger.sqlite"), None)
    assert not aim.exists()


def test_a_link_of_ones_own_is_followed(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path.name)
    open_ledger(str(link), None).close()
    assert (link.is_symlink(), path.is_file()) == (True, True)


def test_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = path.parent.stat().st_dev
    mounts = path.with_name("mountinfo")
    here = f"{os.major(device)}:{os.minor(device)}"
    mounts.write_text(
        "22 1 0:99999 / / rw shared:1 - ext4 /dev/root rw\n"
        f"40 22 {here} / /srv rw,relatime shared:2 - nfs4 server:/srv rw,vers=4.2\n"
    )
    monkeypatch.setattr(sqlite, "_MOUNTS", str(mounts))
    for way in (open_ledger, open_read_only):
        path.write_bytes(b"x")
        with pytest.raises(InvalidInputError, match=r"on a network file system \(nfs4\).* or a PostgreSQL database"):
            way(str(path), None)
    mounts.write_text(f"40 22 {here} / /srv rw shared:2 - ext4 /dev/x rw\n")
    path.unlink()
    open_ledger(str(path), None).close()
