# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect a module's code to AnsibleModule, which no other file uses."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.parsing.convert_bool import boolean

from .._api.client import Client
from .._api.wire import always
from .._core.errors import InvalidInputError, YateotaError
from .._core.identifiers import IDS, SIM_IDENTIFIERS, check_text, parse_id
from .._core.libraries import missing
from .._core.masking import Masking
from .._core.states import plain
from .._core.task_result import TaskResult
from .arguments import connection, url_passwords
from .connection_arguments import CONNECTION_ARGUMENTS

if TYPE_CHECKING:
    from .._api.reader import Reader
    from .._api.transport import Connection

Result = dict[str, Any]

UNCHECKED_CERTIFICATE = (
    "validate_certs is false: the server's certificate is not checked, and any server that answers gets the secret. "
    "If its CA is not known here, set ca_path to the CA's certificate instead."
)


class Task:
    """The options of one task, and the means to carry it out.

    Attributes:
        params: the validated options.
        check_mode: only reads may be sent, and nothing written.
        masking: masks subscribers' identifiers in the output; None if they are to be shown.
        progress: called with interim results of a long task; None if they are not needed.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        check_mode: bool,
        warn: Callable[[str], None],
        progress: Callable[[Result], None] | None = None,
    ) -> None:
        self.params = params
        self.check_mode = check_mode
        self.progress = progress
        self.masking = masking_of(params)
        self._warnings: Counter[str] = Counter()
        self._warn = warn
        self._open = contextlib.ExitStack()

    def warn(self, text: str) -> None:
        """Add a warning, which the user sees once, at the task's end."""
        self._warnings[text] += 1

    def warned(self) -> Collection[str]:
        """Return the warnings added so far."""
        return self._warnings.keys()

    def shown(self, value: Any) -> Any:
        """Return a result, options or a part of them, masked if necessary."""
        return self.masking.result(value) if self.masking else value

    @functools.cached_property
    def server(self) -> Connection:
        """Return the connection that the options describe."""
        return connection(self.params)

    def connect(self, connections: int, may_send: Callable[[], bool] = always) -> Client:
        """Return a client of the server, which is closed at the end of the task.

        Args:
            connections: how many requests may be under way at once.
            may_send: whether requests may still be sent.
        """
        if self.server.api_url.startswith("https:") and not self.server.validate_certs:
            self._warn(UNCHECKED_CERTIFICATE)  # it has no identifiers to mask, and is given once
        client = Client(self.server, connections, may_send=may_send)
        self._open.callback(client.close)
        return client

    @functools.cached_property
    def client(self) -> Client:
        """Return the client with the defaults of ``connect``, made at its first use."""
        return self.connect(self.params.get("concurrency") or 1)

    @functools.cached_property
    def reader(self) -> Reader:
        """Return the reader that uses ``client`` and adds warnings."""
        return self.reader_of(self.client, self.params.get("concurrency") or 1)

    def reader_of(self, client: Client, concurrency: int) -> Reader:
        """Return a reader that uses a client and adds warnings.

        Args:
            client: sends the requests.
            concurrency: how many pages of participants may be under way at once.
        """
        from .._api.reader import Reader  # loads pydantic, which a task that only sends does not need

        return Reader(client, self.warn, concurrency)

    def close(self) -> None:
        """Close the clients that were made, and show the warnings."""
        self._open.close()
        for text, count in self._warnings.items():
            shown = self.masking.sentence(text) if self.masking else text
            self._warn(f"{shown} (said {count} times)" if count > 1 else shown)
        self._warnings.clear()


def perform(run: Callable[[Task], Result | TaskResult], task: Task) -> Result:
    """Run a module's code and return its result.

    For a failure it has ``failed``, ``msg`` and ``failure``.
    """
    _spare_what_is_loaded()
    try:
        ended = _task_result(run, task)
        if task.masking:
            task.masking.learn(ended.identifiers)
        error = ended.error
        if error is None:
            return cast(Result, task.shown(plain(ended.result)))
        # The result is masked first: the failure's message may contain its identifiers.
        shown = task.shown({**plain(ended.result), "failure": error.failure()})
        text = task.masking.sentence(str(error), error.message) if task.masking else str(error)
        return {**shown, "failed": True, "msg": text}
    finally:
        task.close()


@functools.cache
def _spare_what_is_loaded() -> None:
    """Keep what is loaded by now out of further garbage collections, once for a process.

    It lives until the end of the process. Collections that look through all of it again and again take a sixth of the
    computing time of a long list.
    """
    gc.freeze()


def _task_result(run: Callable[[Task], Result | TaskResult], task: Task) -> TaskResult:
    try:
        task.params = read_params(task.params)
        came_to = run(task)
    except YateotaError as error:
        return TaskResult({}, error)
    return came_to if isinstance(came_to, TaskResult) else TaskResult(came_to)


def masking_of(params: Mapping[str, Any]) -> Masking | None:
    """Return the masking for a task's options, valid or not; None if there is none."""
    return Masking(params) if boolean(params.get("mask_identifiers") or False, strict=False) else None


LIBRARIES = ("requests", "h11", "pydantic")
"""The libraries that every module needs."""


class _Module(AnsibleModule):  # type: ignore[misc]
    """AnsibleModule whose own failures carry ``failure`` like all others.

    Such a failure is a missing option, or one of a wrong type.
    """

    def fail_json(self, msg: str, **result: Any) -> None:
        result.setdefault("failure", InvalidInputError(msg).failure())
        masking = self.mask_options()
        super().fail_json(masking.sentence(msg) if masking else msg, **result)

    def exit_json(self, **result: Any) -> None:
        self.mask_options()
        super().exit_json(**result)

    def mask_options(self) -> Masking | None:
        """Mask the options, and return the masking, or None.

        Results show the options as ``invocation``.
        """
        masking = masking_of(self.params)
        if masking:
            self.params: Result = masking.result(self.params)
        return masking

    def add_path_info(self, kwargs: Result) -> Result:
        """Leave the result as it is.

        The owner and mode of the file ``dest`` are not part of it.
        """
        return kwargs


def read_params(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a module's options, with ids as numbers and checked identifiers.

    The SIM's identifiers are checked to be text. Their type is ``raw``, because Ansible would make text of a number
    that has already lost its leading zeros.

    Raises:
        InvalidInputError: names the option and the value that was read.
    """
    ids = {name: params[name] for name in IDS if params.get(name) is not None}
    for name in SIM_IDENTIFIERS:
        if params.get(name) is not None:
            check_text(name, params[name])
    return {**params, **{name: parse_id(name, value, blank=False) for name, value in ids.items()}}


def argument_spec(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the argument spec of the connection's options and a module's own."""
    return {**CONNECTION_ARGUMENTS, **arguments}


def run_module(
    arguments: Mapping[str, Any],
    run: Callable[[Task], Result | TaskResult],
    rules: Mapping[str, Any] | None = None,
    libraries: Sequence[str] = LIBRARIES,
) -> None:
    """Validate the options, run, and exit or fail: the ``main`` of a module.

    Args:
        arguments: the module's own options, without those of the connection.
        run: the module's code.
        rules: ``mutually_exclusive``, ``required_one_of`` and similar ones.
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
