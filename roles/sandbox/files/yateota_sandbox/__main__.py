# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the sandbox from the command line.

For example: `python -m yateota_sandbox --scenario small --speed 60`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import types
from typing import Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from .options import Options
from .server import Server, Service

# Options that are on by default, and the flags that turn them off.
OFF_SWITCHES = {
    "get_campaign": "--without-get-campaign",
    "strict_identification": "--no-strict-identification",
    "journal": "--no-journal",
}
# Options that an environment variable can give too, hidden from other users of the machine.
ENVIRONMENT = {"secret": "YATEOTA_SANDBOX_SECRET", "admin_token": "YATEOTA_SANDBOX_ADMIN_TOKEN"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yateota_sandbox", description="A server that speaks the YateOTA JSON API.")
    for name, field in Options.model_fields.items():
        _add(parser, name, field)
    return parser


def flag(name: str) -> str:
    """Return the flag of an option on the command line."""
    return OFF_SWITCHES.get(name, f"--{name.replace('_', '-')}")


def _add(parser: argparse.ArgumentParser, name: str, field: FieldInfo) -> None:
    text = f"{field.description} Environment: {ENVIRONMENT[name]}." if name in ENVIRONMENT else field.description
    if field.annotation is bool:
        action = "store_false" if field.default else "store_true"
        parser.add_argument(flag(name), dest=name, action=action, default=None, help=text)
    elif get_origin(field.annotation) is Literal:
        parser.add_argument(flag(name), dest=name, choices=get_args(field.annotation), help=text)
    else:
        parser.add_argument(flag(name), dest=name, help=text)


def _options(arguments: list[str]) -> Options:
    given = {name: os.environ.get(variable) for name, variable in ENVIRONMENT.items()}
    named = {name: value for name, value in vars(_parser().parse_args(arguments)).items() if value is not None}
    return Options.model_validate(given | named)


def _announce(server: Server, options: Options) -> None:
    ready = {
        "url": server.url,
        "admin_url": server.admin_url,
        "ca_path": str(server.ca_path) if server.ca_path else None,
        "pid": os.getpid(),
    }
    if options.ready_file is not None:
        unfinished = options.ready_file.with_name(options.ready_file.name + ".part")
        unfinished.write_text(json.dumps(ready) + "\n", encoding="utf-8")
        unfinished.replace(options.ready_file)
    print(f"The sandbox serves {server.url}", flush=True)


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        options = _options(arguments)
        service = Service(options)
        server = Server(service, lambda: _announce(server, options))
    except ValidationError as error:
        problems = (f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        print("yateota_sandbox: " + "; ".join(problems), file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"yateota_sandbox: {error}", file=sys.stderr)
        return 2

    def stopped(number: int, frame: types.FrameType | None) -> None:
        """Ignore the signal.

        The stopped server raises it once more for handlers that were set before.
        """

    signal.signal(signal.SIGTERM, stopped)
    signal.signal(signal.SIGINT, stopped)
    try:
        server.run()
    finally:
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
