# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins a module's code to Ansible: the one file that knows AnsibleModule, and the only one that exits or fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._arguments import CONNECTION_ARGUMENTS, connection, url_passwords
from ._client import Client
from ._errors import InvalidInputError, YateotaError
from ._identifiers import masked, masked_where_named
from ._libraries import missing
from ._wire import always

if TYPE_CHECKING:
    from ._reader import Reader

Result = dict[str, Any]

UNCHECKED_CERTIFICATE = (
    "validate_certs is false: the server's certificate is not checked, and whoever answers there gets the secret. "
    "Where its CA is not known here, set ca_path to the CA's certificate instead."
)


class Task:
    """What one task asks of a module, and the means to do it. The client is made at its first use.

    Attributes:
        params: the validated options.
        check_mode: only reads may be sent, and nothing written.
        masks: subscribers' identifiers are not to be shown whole.
        warn: takes a sentence for the user.
        connections: how many requests may be under way at once; ``concurrency``, unless set before the client is made.
        may_send: whether requests may be sent still; may be set before the client is made.
    """

    def __init__(self, params: Mapping[str, Any], check_mode: bool, warn: Callable[[str], None]) -> None:
        self.params = params
        self.check_mode = check_mode
        self.masks = bool(params.get("mask_identifiers"))
        self.warn = (lambda text: warn(masked_where_named(text))) if self.masks else warn
        self.connections: int = params.get("concurrency") or 1
        self.may_send: Callable[[], bool] = always

    @cached_property
    def client(self) -> Client:
        """The client of the server that the options name."""
        server = connection(self.params)
        if server.api_url.startswith("https:") and not server.validate_certs:
            self.warn(UNCHECKED_CERTIFICATE)
        client = Client(server, self.connections)
        client.may_send = self.may_send
        return client

    @cached_property
    def reader(self) -> Reader:
        """Reads through the client, warning the user."""
        from ._reader import Reader  # loads pydantic, which a task that only sends can do without

        return Reader(self.client, self.warn)

    def close(self) -> None:
        """Close the client, if one was made."""
        if "client" in self.__dict__:
            self.client.close()


def perform(run: Callable[[Task], Result], task: Task) -> Result:
    """Run a module's code: its result, or for an expected failure one with ``failed``, ``msg`` and ``failure``."""
    try:
        return run(task)
    except YateotaError as error:
        return {**error.details, "failed": True, **_told(error, task.masks)}
    finally:
        task.close()


def _told(error: YateotaError, masks: bool) -> Result:
    """How a failure is told."""
    text, failure = str(error), error.failure()
    if masks:
        said, failure["message"] = error.message or "", masked(error.message)
        text = masked_where_named(text.replace(said, str(masked(said))))
    return {"msg": text, "failure": failure}


LIBRARIES = ("requests", "h11", "pydantic")
"""What every module needs."""


class _Module(AnsibleModule):  # type: ignore[misc]
    """AnsibleModule whose own failures (an option missing, of a wrong type) carry ``failure`` like all others."""

    def fail_json(self, msg: str, **result: Any) -> None:
        result.setdefault("failure", InvalidInputError(msg).failure())
        super().fail_json(msg, **result)

    def add_path_info(self, kwargs: Result) -> Result:
        """Leave the result as it is: ``dest`` names a file, whose owner and mode are no result of ours."""
        return kwargs


def argument_spec(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The whole argument spec of a module: the connection's options and its own."""
    return {**CONNECTION_ARGUMENTS, **arguments}


def run_module(
    arguments: Mapping[str, Any],
    run: Callable[[Task], Result],
    rules: Mapping[str, Any] | None = None,
    libraries: Sequence[str] = LIBRARIES,
) -> None:
    """A module's ``main``: validate the options, run, and exit or fail.

    Args:
        arguments: the module's own options, without those of the connection.
        run: the module's code.
        rules: ``mutually_exclusive``, ``required_one_of`` and their like.
        libraries: the libraries that the module needs.
    """
    module = _Module(argument_spec=argument_spec(arguments), supports_check_mode=True, **(rules or {}))
    module.no_log_values.update(url_passwords(module.params))
    for library in missing(libraries):
        module.fail_json(missing_required_lib(library))
    result = perform(run, Task(module.params, module.check_mode, module.warn))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
