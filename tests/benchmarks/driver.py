"""Runs the code of the bulk module once, in this process: `python driver.py '{"change_id": ...}'` prints its result.

Reads its options from the argument, prints `ready` when all is imported, and the result as the last line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLLECTION = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(COLLECTION.parents[2]))

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.simops.yateota.plugins.module_utils._module import Task, argument_spec, perform
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk


def bulk(options: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """The module's result for these options, its warnings under `warnings`."""
    validation = ArgumentSpecValidator(argument_spec(yateota_bulk.ARGUMENTS), **yateota_bulk.RULES).validate(options)
    if validation.error_messages:
        raise ValueError(validation.errors.msg)
    warnings: list[str] = []
    result = perform(yateota_bulk.run, Task(validation.validated_parameters, check_mode, warnings.append))
    return {**result, "warnings": warnings}


if __name__ == "__main__":
    print("ready", flush=True)
    print(json.dumps(bulk(json.loads(sys.argv[1]))))
