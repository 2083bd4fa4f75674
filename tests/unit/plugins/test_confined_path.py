# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a survey may name stays inside the folder that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter.confined_path import confined_path


@pytest.mark.parametrize("path", ["a.csv", "deep/er/a.csv", "./a.csv", "deep/../a.csv", "{root}/a.csv"])
def test_a_path_inside_is_taken(tmp_path: Path, path: str) -> None:
    whole = confined_path(path.format(root=tmp_path), str(tmp_path))
    assert Path(whole).is_relative_to(tmp_path)
    assert Path(whole).name == "a.csv"


@pytest.mark.parametrize("path", ["../a.csv", "/etc/passwd", "deep/../../a.csv", "{root}-beside/a.csv", "link/a.csv"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(AnsibleFilterError, match=r"leads out of the folder .*: name a file or folder inside it"):
        confined_path(path.format(root=root), str(root))


@pytest.mark.parametrize("path", ["$YATEOTA_API_SECRET.csv", "a/${HOME}/a.csv", "a\0.csv", "a\nb.csv"])
def test_what_a_module_would_fill_in_is_refused(tmp_path: Path, path: str) -> None:
    """The environment holds secrets, and the name of a file is shown."""
    with pytest.raises(AnsibleFilterError, match="name a file or folder by plain text"):
        confined_path(path, str(tmp_path))


def test_without_a_folder_a_path_is_given_as_it_is() -> None:
    assert confined_path("/var/lib/a.csv", "") == "/var/lib/a.csv"
    assert confined_path("", "/var/lib") == ""
