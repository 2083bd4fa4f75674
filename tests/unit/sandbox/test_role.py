# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role offers every option of the server, as the server describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import yaml

from yateota_sandbox import Options

ROLE = Path(__file__).parents[3] / "roles" / "sandbox"
OFFERED = {name: field for name, field in Options.model_fields.items() if name != "ready_file"}  # the role sets that
OF_THE_ROLE = {"state", "directory", "python", "install", "start_timeout"}
TYPES = {bool: "bool", int: "int", float: "float", int | None: "int", Path | None: "path"}


def read(path):
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


def test_it_offers_the_servers_options_and_its_own():
    specified = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]

    assert set(specified) == {f"sandbox_{name}" for name in set(OFFERED) | OF_THE_ROLE}
    assert set(read("defaults/main.yml")) == {f"sandbox_{name}" for name in OF_THE_ROLE}


@pytest.mark.parametrize("name", OFFERED)
def test_an_option_is_described_as_the_server_describes_it(name):
    field = OFFERED[name]
    specified = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"][f"sandbox_{name}"]
    # The type that Ansible must not check, so that an empty value passes, is told in words too.
    typed = read("meta/variables.yml")["options"].get(f"sandbox_{name}", {})
    assert specified["description"].startswith(field.description)
    assert (specified["description"] != field.description) is bool(typed)
    specified = {**specified, **typed}

    assert specified["type"] == TYPES.get(field.annotation, "str")
    is_choice = get_origin(field.annotation) is Literal
    assert specified.get("choices") == (list(get_args(field.annotation)) if is_choice else None)
    assert specified.get("no_log", False) is (name in {"secret", "admin_token"})


@pytest.mark.parametrize("name", OFFERED)
def test_an_option_reaches_the_server(name):
    told = [(ROLE / path).read_text(encoding="utf-8") for path in ("vars/main.yml", "tasks/start.yml")]

    assert any(f"__sandbox_given.{name} | default(" in text for text in told)


def test_its_requirements_are_those_of_the_unit_tests_but_for_the_tools_of_testing():
    def names(path):
        lines = path.read_text(encoding="utf-8").splitlines()
        return {line.split(">=")[0] for line in lines if line and not line.startswith("#")}

    needed = names(ROLE / "requirements.txt")
    assert needed <= names(Path(__file__).parents[1] / "requirements.txt")
