"""A stand-in for the API of AWX, as far as `extensions/awx/configure.yml` uses it: objects, kept and found again.

It is strict where AWX is: an object needs what it names to exist, a name is found in its organization, a template can
only name a playbook that the project has, and a survey's questions are checked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ROOT = "/api/v2/"
TOKEN = "controller-token"
KINDS = {
    "organizations": (),
    "credential_types": (),
    "credentials": ("organization", "credential_type"),
    "execution_environments": ("organization",),
    "projects": ("organization", "default_environment"),
    "project_updates": (),
    "inventories": ("organization",),
    "hosts": ("inventory",),
    "groups": ("inventory",),
    "job_templates": ("organization", "project", "inventory", "execution_environment"),
    "workflow_job_templates": ("organization", "inventory"),
    "workflow_job_template_nodes": ("workflow_job_template", "unified_job_template"),
    "workflow_approval_templates": (),
}
"""The kinds of objects, each with the fields that have to be the ids of other objects."""
UNIFIED = ("projects", "job_templates", "workflow_job_templates", "workflow_approval_templates")
QUESTION_TYPES = ("text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float")


class RefusedError(Exception):
    """A request that is answered with HTTP 400 and a reason for each field."""


class Controller:
    """The objects, by kind and id.

    Args:
        playbooks: the paths of the playbooks that a project has once it was updated.

    Attributes:
        objects: as given.
        writes: method and path of each request that changes something.
        update_fails: whether the next update of a project fails.
    """

    def __init__(self, playbooks: set[str]) -> None:
        self._playbooks = playbooks
        self._last = 0
        self.objects: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.writes: list[tuple[str, str]] = []
        self.update_fails = False
        self.add("organizations", {"name": "Default"})

    def add(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""
        self._check(kind, given)
        self._last += 1
        url = f"{ROOT}{kind}/{self._last}/"
        parts = ("survey_spec", "credentials", "hosts", "success_nodes", "always_nodes", "failure_nodes", "update")
        related = {part: f"{url}{part}/" for part in parts}
        known = {"id": self._last, "url": url, "type": kind.removesuffix("s"), "related": related}
        self.objects[kind][self._last] = {"parts": {}, "status": "never updated", "scm_revision": "", **given, **known}
        return self.objects[kind][self._last]

    def change(self, kind: str, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """Change fields of an object."""
        self._check(kind, given)
        self.objects[kind][number].update(given)
        return self.objects[kind][number]

    def find(self, kind: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """The objects that have all these values."""
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        found = [each for name in kinds for each in self.objects[name].values()]
        return [each for each in found if all(str(each.get(field)) == value for field, value in query.items())]

    def survey(self, target: dict[str, Any], spec: dict[str, Any]) -> None:
        """Take a survey, as strictly as AWX does."""
        for question in spec["spec"]:
            name = question["variable"]
            if question["type"] not in QUESTION_TYPES or not isinstance(question["required"], bool):
                raise RefusedError(f"{name}: {question}")
            kinds = {"integer": int, "float": (int, float)}.get(question["type"], str)
            if "default" in question and not isinstance(question["default"], kinds):
                raise RefusedError(f"{name}: the default is no {question['type']}")
            if question["type"] == "multiplechoice" and question.get("default", "") not in ["", *question["choices"]]:
                raise RefusedError(f"{name}: the default is none of the choices")
        target["parts"]["survey_spec"] = spec

    def associate(self, target: dict[str, Any], part: str, given: dict[str, Any]) -> None:
        """Add an object to a list of another, or remove it."""
        listed = target["parts"].setdefault(part, [])
        if given.get("disassociate"):
            listed.remove(given["id"])
        else:
            listed.append(given["id"])

    def update_project(self, project: dict[str, Any]) -> dict[str, Any]:
        """Update a project; what that came to is its status."""
        project["status"] = "failed" if self.update_fails else "successful"
        facts = {"status": project["status"], "failed": self.update_fails, "finished": "now"}
        return self.add("project_updates", {**facts, "event_processing_finished": True})

    def approve(self, node: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """Make a workflow's node one that waits for an approval."""
        template = self.add("workflow_approval_templates", given)
        node["unified_job_template"] = template["id"]
        node["related"]["unified_job_template"] = template["url"]
        return template

    def _check(self, kind: str, given: dict[str, Any]) -> None:
        everything = {number for objects in self.objects.values() for number in objects}
        for field in KINDS[kind]:
            if given.get(field) is not None and given[field] not in everything:
                raise RefusedError(f"{field}: {given[field]} does not exist")
        if kind == "job_templates" and "playbook" in given:
            updated = [each for each in self.objects["projects"].values() if each["status"] == "successful"]
            if given["playbook"] not in self._playbooks or not updated:
                raise RefusedError("playbook: Playbook not found for project.")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(self._read)

    def do_POST(self) -> None:
        self._answer(self._write)

    do_PATCH = do_POST  # noqa: N815 (the name that http.server calls)

    def _answer(self, act: Callable[[str, list[str], dict[str, str]], tuple[int, Any]]) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._given = json.loads(self.rfile.read(length) or b"{}")
        address = urlsplit(self.path)
        kind, *rest = address.path.removeprefix(ROOT).strip("/").split("/")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, answer = 401, {"detail": "Authentication credentials were not provided."}
        else:
            with self.server.lock:
                try:
                    status, answer = act(kind, rest, dict(parse_qsl(address.query)))
                except RefusedError as error:
                    status, answer = 400, {"error": str(error), "__all__": [str(error)]}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _read(self, kind: str, rest: list[str], query: dict[str, str]) -> tuple[int, Any]:
        controller = self.server.controller
        if kind == "ping":
            return 200, {"version": "24.6.1"}
        if not rest:
            found = controller.find(kind, query)
            return 200, {"count": len(found), "next": None, "results": found}
        target = controller.objects[kind][int(rest[0])]
        if len(rest) == 1:
            return 200, target
        if rest[1] == "survey_spec":
            return 200, target["parts"].get("survey_spec", {})
        found = [{"id": number} for number in target["parts"].get(rest[1], [])]
        return 200, {"count": len(found), "next": None, "results": found, "can_update": True}

    def _write(self, kind: str, rest: list[str], _query: dict[str, str]) -> tuple[int, Any]:
        controller, given = self.server.controller, self._given
        controller.writes.append((self.command, self.path))
        if not rest:
            return 201, controller.add(kind, given)
        target = controller.objects[kind][int(rest[0])]
        if len(rest) == 1:
            return 200, controller.change(kind, int(rest[0]), given)
        if rest[1] == "survey_spec":
            controller.survey(target, given)
            return 200, {}
        if rest[1] == "update":
            return 202, controller.update_project(target)
        if rest[1] == "create_approval_template":
            return 201, controller.approve(target, given)
        controller.associate(target, rest[1], given)
        return 204, {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, controller: Controller) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.controller = controller
        self.lock = threading.Lock()


@contextmanager
def serving(controller: Controller) -> Iterator[str]:
    """Serve a controller on the loopback; gives its URL."""
    with _Server(controller) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
