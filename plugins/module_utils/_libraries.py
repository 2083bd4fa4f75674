# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The third-party libraries, imported behind one guard.

Ansible loads these files on machines that lack the libraries too, to document and to check them. There a stand-in takes
a library's place until ``_module`` reports, in one sentence, which one is missing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

MISSING: list[str] = []
"""The names of the libraries that cannot be imported here."""


class _Absent:
    """Takes any use that a module's top level makes of a library: attributes, calls, unions, base classes."""

    def __getattr__(self, name: str) -> _Absent:
        if name.startswith("__"):  # what it does not do itself, such as being iterated, it cannot do
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> _Absent:
        return self

    def __or__(self, other: Any) -> _Absent:
        return self

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


def _guarded(name: str) -> Any:
    """The library's module, or a stand-in for it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        library = name.partition(".")[0]
        if library not in MISSING:
            MISSING.append(library)
        return _Absent()


if TYPE_CHECKING:
    import pydantic
    import requests
    import requests.adapters as requests_adapters
    import urllib3
else:
    pydantic = _guarded("pydantic")
    requests = _guarded("requests")
    requests_adapters = _guarded("requests.adapters")
    urllib3 = _guarded("urllib3")

__all__ = ["MISSING", "pydantic", "requests", "requests_adapters", "urllib3"]
