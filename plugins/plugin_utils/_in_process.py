# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module's code in the controller's process if the result is the same.

A module task on a local connection takes the controller about half a second: it packs the module, starts an interpreter
and imports. The module's code needs none of that. So it runs here, in the worker that Ansible forked for the task, if
the result is the same; otherwise Ansible runs the task as a module.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader
from ansible.utils.display import Display

from ..module_utils._ansible.arguments import url_passwords
from ..module_utils._ansible.module import LIBRARIES, Result, Task, argument_spec, perform

# Loaded by the controller before it forks a worker for each task, so that no worker has to load pydantic.
from ..module_utils._api import reader as _loaded_before_workers_are_forked  # noqa: F401
from ..module_utils._core.errors import InvalidInputError
from ..module_utils._core.libraries import missing
from . import _core_parts as core
from ._check_mode import ACTS_IN_CHECK_MODE, acts_in_check_mode

SWITCH_VARIABLE = "yateota_in_process"
SWITCH_ENVIRONMENT = "YATEOTA_IN_PROCESS"

display = Display()

# Ansible loads all filters of the collection when one is used: here, and so once, rather than again in each worker.
with contextlib.suppress(AnsibleError, KeyError):  # a filter that cannot be loaded fails the task that uses it
    filter_loader.get("simops.yateota.change_verdict")


class InProcessAction(ActionBase):  # type: ignore[misc]
    """The action of one module.

    Attributes:
        module: the module's Python module: its ``ARGUMENTS``, ``RULES``, ``run``, and ``LIBRARIES`` if it needs
            more than the others.
        is_refused: whether a role's task of it is refused where it would act in spite of ``--check``.
    """

    module: ModuleType
    is_refused = True

    _progress: Callable[[Result], None] | None = None
    _supports_async = True  # an asynchronous task runs as a module, see ``_obstacle``

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Run the module's code here, or let Ansible run it as a module."""
        variables = task_vars or {}
        result: Result = super().run(tmp, variables)
        if self.is_refused and acts_in_check_mode(self._task, variables):
            return {
                "failed": True,
                "msg": ACTS_IN_CHECK_MODE,
                "failure": InvalidInputError(ACTS_IN_CHECK_MODE).failure(),
            }
        reason = self._obstacle(variables)
        if reason:
            display.vvv(f"{self._task.action}: runs as a module, because {reason}", host=self._play_context.remote_addr)
            return self._as_module(variables)
        display.vvv(f"{self._task.action}: runs in the controller's process", host=self._play_context.remote_addr)
        result.update(self._here(variables))
        return result

    # --- Which way ---------------------------------------------------------------------------------------------------

    def _obstacle(self, variables: dict[str, Any]) -> str | None:
        """Return why the code cannot run here with the same result; None if it can."""
        dropped = core.missing_parts(self)
        if dropped:
            return f"this ansible-core has no {', '.join(dropped)}"
        if not boolean(os.environ.get(SWITCH_ENVIRONMENT, True), strict=False):
            return f"{SWITCH_ENVIRONMENT} turns in-process runs off"
        if not boolean(self._templar.template(variables.get(SWITCH_VARIABLE, True)), strict=False):
            return f"{SWITCH_VARIABLE} turns in-process runs off"
        if self._connection.transport != "local":
            return f"the connection is {self._connection.transport}"
        if self._becomes_another():
            return "it becomes another user"
        if self._task.async_val:
            return "it is asynchronous"
        if any(self._task.environment):
            return "it has an environment of its own"
        interpreter = self._interpreter(variables)
        if interpreter and os.path.abspath(interpreter) != os.path.abspath(sys.executable):
            return f"it asks for the interpreter {interpreter}"
        lacking = missing(getattr(self.module, "LIBRARIES", LIBRARIES))
        return f"the controller's Python lacks {', '.join(lacking)}" if lacking else None

    def _becomes_another(self) -> bool:
        become = self._connection.become
        if not become:
            return False
        try:
            # By its number: in a container, the user that runs this may have no name.
            return pwd.getpwnam(become.get_option("become_user", playcontext=self._play_context)).pw_uid != os.geteuid()
        except KeyError:  # an unknown user: Ansible reports it when it runs the module
            return True

    def _interpreter(self, variables: dict[str, Any]) -> str | None:
        """Return the interpreter that the user asks for, or None.

        None means that Ansible chooses it.
        """
        host = self._task.delegate_to
        asked = core.get_config_value(
            "INTERPRETER_PYTHON",
            variables=variables.get("ansible_delegated_vars", {}).get(host, {}) if host else variables,
        )
        interpreter = str(self._templar.template(asked) or "")
        return None if interpreter.startswith("auto") else interpreter or None

    def _as_module(self, variables: dict[str, Any]) -> Result:
        """Let Ansible pack the module and run it with its own interpreter."""
        normal = self._shared_loader_obj.action_loader.get(
            "ansible.legacy.normal",
            task=self._task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        if normal is None:
            raise AnsibleError("Ansible's action plugin 'ansible.legacy.normal' was not found. Check the installation.")
        result: Result = normal.run(task_vars=variables)
        return result

    # --- The short way -----------------------------------------------------------------------------------------------

    def _here(self, variables: dict[str, Any]) -> Result:
        """Validate the options, run the code, hide secrets, and return the result."""
        spec = argument_spec(self.module.ARGUMENTS)
        # As JSON, as a module receives its options and returns its result, so that the result is the same.
        given = json.loads(json.dumps(self._task.args, default=str))
        validation = core.ArgumentSpecValidator(spec, **self.module.RULES).validate(given)
        params = {**given, **validation.validated_parameters}
        warnings: list[str] = []
        task = Task(params, bool(self._task.check_mode), warnings.append, self._progress)
        result = self._invalid(validation) if validation.error_messages else self._guarded(task)
        if self._shows_options(variables):
            result["invocation"] = {"module_args": params}
        result = task.shown(result)  # also what was added here; to mask twice changes nothing
        if warnings:
            result["warnings"] = warnings
        secrets = [str(params[name]) for name, option in spec.items() if option.get("no_log") and params.get(name)]
        shown: Result = core.remove_values(json.loads(json.dumps(result)), secrets + url_passwords(params))
        return shown

    @staticmethod
    def _shows_options(variables: dict[str, Any]) -> bool:
        """Return whether results have ``invocation``.

        An older ansible-core always adds it; a newer one adds it if configured to.
        """
        if "INJECT_INVOCATION" not in core.get_configuration_definitions():
            return True
        return bool(core.get_config_value("INJECT_INVOCATION", variables=variables))

    def _invalid(self, validation: Any) -> Result:
        """Return AnsibleModule's failure for options that do not fit the spec."""
        message = validation.errors.msg
        if isinstance(validation.errors[0], core.UnsupportedError):
            message = f"Unsupported parameters for ({self._task.action}) module: {message}"
        return {"failed": True, "msg": message, "failure": InvalidInputError(message).failure()}

    def _guarded(self, task: Task) -> Result:
        """Run the module's code and return its result.

        An unexpected failure gives the result of a crashed module.
        """
        try:
            return perform(self.module.run, task)
        except Exception as error:  # noqa: BLE001 (a module's crash is a result, not the end of the worker)
            return {
                "failed": True,
                "msg": f"MODULE FAILURE: {type(error).__name__}: {error}",
                "module_stdout": "",
                "module_stderr": traceback.format_exc(),
                "rc": 1,
            }
