# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provide the event source campaigns for ansible-rulebook."""

from __future__ import annotations

DOCUMENTATION = r"""
name: campaigns
short_description: Watch YateOTA campaigns, nodes and bulk changes
version_added: 1.1.0
description:
  - Polls the campaigns and the nodes of one or many servers, and the changes of a ledger, and sends an event when something changes.
  - It only reads. Nothing is sent to a server but reads, and the ledger is not written.
  - All that an event says is under C(yateota). RV(yateota.kind) is what has changed. RV(yateota.id) is an id that the event keeps, also if it is
    delivered again after the source was killed. The guide C(docs/events.md) lists the kinds.
  - No event has a secret, an identifier of a SIM, or the name of a person.
author:
  - The simops.yateota contributors (@simops)
requirements:
  - ansible-core >= 2.16
  - requests >= 2.32
  - h11 >= 0.16
  - pydantic >= 2.7
  - SQLAlchemy >= 2.0 (for O(ledger))
options:
  servers:
    description:
      - The servers, each with the connection options of the modules. The environment variables of those options replace what is not set.
      - Required if O(ledger) is not set.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: >-
          The name of the server in events. Rulebooks use it as the server's host in the inventory. Each server must have a name of its own.
        type: str
        default: localhost
      api_url: {description: As for the modules., type: str, required: true}
      api_secret: {description: As for the modules., type: str}
      node: {description: As for the modules., type: str, default: ota}
      validate_certs: {description: As for the modules., type: bool, default: true}
      ca_path: {description: As for the modules., type: path}
      client_cert: {description: As for the modules., type: path}
      client_key: {description: As for the modules., type: path}
      timeout: {description: As for the modules., type: float, default: 10.0}
      retries: {description: As for the modules., type: int, default: 3}
      use_proxy: {description: As for the modules., type: bool, default: true}
  campaigns:
    description: The ids of the campaigns to watch. All by default.
    type: list
    elements: int
    default: []
  ledger:
    description: The ledger of the changes to watch, a file or the URL of a PostgreSQL database. None by default.
    type: str
  ledger_password:
    description: The password of the ledger's database. If not set, the environment variable E(YATEOTA_LEDGER_PASSWORD) is used.
    type: str
  state_file:
    description:
      - The file of what was seen, and of the events that are not delivered yet. It is created if it is missing. Its folder must exist and outlast
        the source.
      - Only one source can use it at a time.
    type: path
    required: true
  interval:
    description: Seconds between two readings. Pauses double while a server is away, up to 15 minutes. Must be 1 or more.
    type: float
    default: 60
  max_failed_percentage:
    description: >-
      The percentage that may have failed, of all participants of a campaign that have ended, finished or failed. There is no limit if it is not
      set. Must be 0 to 100.
    type: float
  minimum:
    description: The number of participants that must have ended before O(max_failed_percentage) applies to a running campaign. Must be 1 or more.
    type: int
    default: 20
  stalled_after:
    description: Seconds without progress, after which a running campaign has stalled. Must be 1 or more.
    type: float
    default: 1800
  unreachable_after:
    description: The number of failed readings in a row, after which a node counts as not reachable. Must be 1 or more.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Pause campaigns that fail
  hosts: all
  sources:
    - name: campaigns
      simops.yateota.campaigns:
        servers:
          - name: north
            api_url: https://ota-north.example.net/api.php
            api_secret: "{{ yateota_secret_north }}"
        max_failed_percentage: 20
        state_file: /var/lib/yateota/events.json
  rules:
    - name: A campaign fails
      condition: event.yateota.kind == "campaign_failing"
      action:
        run_playbook:
          name: simops.yateota.campaign_pause
          extra_vars:
            yateota_hosts: "{{ event.yateota.server }}"
            campaign_id: "{{ event.yateota.campaign.campaign_id }}"
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import env_fallback
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

if TYPE_CHECKING:
    import asyncio

MODULE_UTILS = Path(__file__).resolve().parents[4] / "plugins" / "module_utils"
PACKAGE = "simops_yateota_module_utils"


def part(name: str) -> Any:
    """Import a part of the collection's module_utils.

    ansible-rulebook runs this file by its path, and Python does not know the collection. So the package gets a name of
    its own, without a change of the path on which Python looks for everybody's packages.
    """
    if PACKAGE not in sys.modules:
        folder = [str(MODULE_UTILS)]
        spec = importlib.util.spec_from_file_location(
            PACKAGE, MODULE_UTILS / "__init__.py", submodule_search_locations=folder
        )
        package = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{name}")


CONNECTION_ARGUMENTS = part("_ansible.connection_arguments").CONNECTION_ARGUMENTS
InvalidInputError = part("_core.errors").InvalidInputError

ARGUMENTS: dict[str, Any] = {
    "servers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "default": "localhost"}, **CONNECTION_ARGUMENTS},
    },
    "campaigns": {"type": "list", "elements": "int", "default": []},
    "ledger": {"type": "str"},
    "ledger_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["YATEOTA_LEDGER_PASSWORD"])},
    "state_file": {"type": "path", "required": True},
    "interval": {"type": "float", "default": 60},
    "max_failed_percentage": {"type": "float"},
    "minimum": {"type": "int", "default": 20},
    "stalled_after": {"type": "float", "default": 1800},
    "unreachable_after": {"type": "int", "default": 3},
}
BOUNDS: dict[str, dict[str, float]] = {
    "interval": {"least": 1},
    "max_failed_percentage": {"least": 0, "most": 100},
    "minimum": {"least": 1},
    "stalled_after": {"least": 1},
    "unreachable_after": {"least": 1},
}
# Arguments that ansible-rulebook adds or keeps for itself.
OF_RULEBOOK = ("feedback", "eda_feedback_queue")


def settings(args: dict[str, Any]) -> Any:
    """Return the settings for the arguments of a source.

    Raises:
        InvalidInputError: an argument is not valid; names it, its value and the fix.
    """
    given = {name: value for name, value in args.items() if name not in OF_RULEBOOK}
    result = ArgumentSpecValidator(ARGUMENTS).validate(given)
    if result.error_messages:
        raise InvalidInputError(f"{' '.join(result.error_messages).rstrip('.')}. See the source's documentation.")
    params = result.validated_parameters
    part("_core.bounds").check_bounds(params, BOUNDS)
    if not params["servers"] and not params["ledger"]:
        raise InvalidInputError("servers and ledger are not set: give the servers to watch, the ledger, or both.")
    needed = ("requests", "h11", "pydantic", *(["sqlalchemy"] if params["ledger"] else []))
    if lacking := part("_core.libraries").missing(needed):
        raise InvalidInputError(
            f"The event source needs {' and '.join(lacking)} in the Python of ansible-rulebook: install the collection's "
            "requirements.txt there."
        )
    source, limits = part("_events.source"), ("max_failed_percentage", "minimum", "stalled_after", "unreachable_after")
    taken = ("ledger", "ledger_password", "state_file", "interval", "campaigns")
    return source.Settings(
        servers=_servers(params["servers"], source),
        limits=part("_events.detection").Limits(**{name: params[name] for name in limits}),
        **{name: params[name] for name in taken},
    )


def _servers(given: list[dict[str, Any]], source: Any) -> list[Any]:
    connection = part("_ansible.arguments").connection
    servers = [source.Server(each["name"], connection(each)) for each in given]
    for server in servers:
        if server.connection.api_url.startswith("https:") and not server.connection.validate_certs:
            part("_events.readings").LOG.warning("%s: %s", server.name, part("_ansible.module").UNCHECKED_CERTIFICATE)
        if sum(other.key == server.key for other in servers) > 1:
            raise InvalidInputError(f"servers names {server.key} twice: name each server and node once.")
        if sum(other.name == server.name for other in servers) > 1:
            raise InvalidInputError(
                f"servers has the name '{server.name}' more than once: give each server a name of its own, which is its "
                "host in the inventory. Otherwise a playbook would act on the wrong one."
            )
    return servers


async def main(queue: asyncio.Queue[dict[str, Any]], args: dict[str, Any]) -> None:
    """Watch until ansible-rulebook cancels it."""
    source = part("_events.source").Source(settings(args), queue, args.get("eda_feedback_queue"))
    await source.run()
