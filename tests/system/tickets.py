"""Stand-ins for ServiceNow and Jira over HTTP, which answer as the vendors' API references say, refusals included.

ServiceNow: Table API and Attachment API (`/api/now`), with the states of its change requests. Jira Cloud: platform REST
v3 (`/rest/api/3`) and Jira Service Management (`/rest/servicedeskapi`). Each holds one ticket.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import email.parser
import email.policy
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER = "svc-yateota@example.net"
SECRET = "ticket-Secret-4711"
BASIC = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()

Answer = tuple[int, Any]


def hours_from_now(hours: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)


class TicketSystem:
    """What both have in common: one HTTP server in a thread, on a free port of the loopback interface.

    Attributes:
        writes: what was carried out or pretended, by its kind ("note", "attachment", "state"), in order.
        requests: method and path of each request, in order.
        pretends: kinds of writes that are answered as done and are not.
        down: answer everything with HTTP 503.
        on_note: called with the number of notes after each that was made.
    """

    def __init__(self) -> None:
        self.writes: list[tuple[str, Any]] = []
        self.requests: list[str] = []
        self.pretends: set[str] = set()
        self.down = False
        self.on_note: Callable[[int], None] = lambda _count: None
        self.url = ""

    def write(self, kind: str, value: Any, carry_out: Callable[[], None]) -> None:
        self.writes.append((kind, value))
        if kind not in self.pretends:
            carry_out()

    def written(self, kind: str) -> list[Any]:
        return [value for each, value in self.writes if each == kind]

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        raise NotImplementedError

    def unauthorized(self) -> Answer:
        raise NotImplementedError


@contextlib.contextmanager
def serving(system: TicketSystem) -> Iterator[None]:
    """Run a stand-in until the block ends; `url` is where."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            system.requests.append(f"{self.command} {parts.path}")
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if system.down:
                status, answer = 503, "<html><body>Service Unavailable</body></html>"
            elif self.headers.get("Authorization") != f"Basic {BASIC}":
                status, answer = system.unauthorized()
            else:
                status, answer = system.answer(self.command, parts.path, query, self.headers, body)
            content = b"" if answer is None else (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _any  # noqa: N815 (as the class above it calls them)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        system.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(10)


# --- ServiceNow ------------------------------------------------------------------------------------------------------

STATES = {"-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement", "0": "Review"}
STATES |= {"3": "Closed", "4": "Canceled"}
ONWARD = {"-2": {"-1", "4"}, "-1": {"0", "4"}, "0": {"3"}}
WRITABLE = {"state", "work_notes", "close_code", "close_notes"}


class ServiceNow(TicketSystem):
    """An instance with one change request, in the state Implement, approved, in the middle of its planned window."""

    TABLE = "/api/now/table/change_request"

    def __init__(self, number: str) -> None:
        super().__init__()
        self.record = {"sys_id": hashlib.md5(number.encode()).hexdigest(), "number": number}  # noqa: S324
        self.record |= {"state": "-1", "on_hold": "false", "on_hold_reason": "", "approval": "approved"}
        self.record |= {"close_code": "", "close_notes": "", "work_notes": ""}
        self.plan(-1, 4)
        self.approvals = [{"approver.user_name": "m.lee", "state": "approved"}]
        self.attachments: dict[str, dict[str, str]] = {}
        self.files: dict[str, bytes] = {}
        self.notes: list[str] = []

    def plan(self, start: float, end: float) -> None:
        """Set the planned window, in hours from now. Dates are UTC, as the API has them without display values."""
        for name, hours in (("start_date", start), ("end_date", end)):
            self.record[name] = hours_from_now(hours).strftime("%Y-%m-%d %H:%M:%S")

    def unauthorized(self) -> Answer:
        return refusal(401, "User Not Authenticated", "Required to provide Auth information")

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        record = f"{self.TABLE}/{self.record['sys_id']}"
        if (method, path) == ("GET", self.TABLE):
            found = query.get("sysparm_query") == f"number={self.record['number']}"
            return 200, {"result": [self._shown(query)] if found else []}
        if (method, path) == ("GET", record):
            return 200, {"result": self._shown(query)}
        if (method, path) == ("PATCH", record):
            return self._changed(json.loads(body), query)
        if (method, path) == ("GET", "/api/now/table/sysapproval_approver"):
            return 200, {"result": self._approved(query)}
        if (method, path) == ("POST", "/api/now/attachment/file"):
            return self._attached(query, headers, body)
        if method == "GET" and path.rpartition("/")[2] in self.attachments:
            return 200, {"result": self.attachments[path.rpartition("/")[2]]}
        return refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")

    def _shown(self, query: dict[str, str]) -> dict[str, Any]:
        """The record's fields that are asked for. A journal is empty but where its display value is asked for."""
        names = query["sysparm_fields"].split(",") if "sysparm_fields" in query else list(self.record)
        values = {name: self.record[name] for name in names if name in self.record}
        if query.get("sysparm_display_value", "false") == "false":
            return values
        assert query["sysparm_display_value"] == "all", "it does not know the others"
        shown = {"state": STATES[self.record["state"]], "work_notes": "".join(reversed(self.notes))}
        shown["approval"] = self.record["approval"].capitalize()
        return {name: {"display_value": shown.get(name, value), "value": value} for name, value in values.items()}

    def _approved(self, query: dict[str, str]) -> list[dict[str, str]]:
        if query.get("sysparm_query") != f"sysapproval={self.record['sys_id']}^state=approved":
            return []
        names = query["sysparm_fields"].split(",")
        return [{name: each[name] for name in names} for each in self.approvals if each["state"] == "approved"]

    def _changed(self, fields: dict[str, str], query: dict[str, str]) -> Answer:
        state = fields.get("state", self.record["state"])
        if state != self.record["state"] and state not in ONWARD.get(self.record["state"], set()):
            why = f"Operation against file '{self.TABLE.rpartition('/')[2]}' was aborted by Business Rule"
            return refusal(403, f"{why} 'Change Model: Check State Transition^a5f2'. Business Rule Stack:", "")
        if state == "3" and not (fields.get("close_code") and fields.get("close_notes")):
            return refusal(403, "Data Policy Exception: Close code, Close notes are mandatory", "")
        if "work_notes" in fields:
            self.write("note", fields["work_notes"], lambda: self.notes.append(journal(fields["work_notes"])))
            self.on_note(len(self.written("note")))
        if "state" in fields:
            kept = {name: value for name, value in fields.items() if name in WRITABLE - {"work_notes"}}
            self.write("state", state, lambda: self.record.update(kept))
        return 200, {"result": self._shown(query)}

    def _attached(self, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        if not {"table_name", "table_sys_id", "file_name"} <= query.keys() or "Content-Type" not in headers:
            return refusal(400, "Missing parameter", "table_name, table_sys_id and file_name are needed")
        if (query["table_name"], query["table_sys_id"]) != ("change_request", self.record["sys_id"]):
            return refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        meta = {"sys_id": hashlib.md5(query["file_name"].encode()).hexdigest()}  # noqa: S324
        meta |= {"file_name": query["file_name"], "size_bytes": str(len(body)), "content_type": headers["Content-Type"]}
        meta |= {"table_name": query["table_name"], "table_sys_id": query["table_sys_id"]}
        self.write("attachment", query["file_name"], lambda: self._keep(meta, body))
        return 201, {"result": meta}

    def _keep(self, meta: dict[str, str], body: bytes) -> None:
        self.attachments[meta["sys_id"]] = meta
        self.files[meta["file_name"]] = body


def refusal(status: int, message: str, detail: str) -> Answer:
    return status, {"error": {"message": message, "detail": detail}, "status": "failure"}


def journal(text: str) -> str:
    """An entry of a journal field as it is displayed."""
    return f"{hours_from_now(0):%Y-%m-%d %H:%M:%S} - YateOTA (Work notes)\n{text}\n\n"


# --- Jira ------------------------------------------------------------------------------------------------------------

START, END = "customfield_10061", "customfield_10062"
TRANSITIONS = {"Awaiting implementation": {"31": "Implementing"}, "Implementing": {"41": "Completed", "51": "Failed"}}
NOT_THERE = {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}


class Jira(TicketSystem):
    """A site with one change request, in the status Implementing, approved, in the middle of its planned window."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.status = "Implementing"
        self.fields: dict[str, Any] = {}
        self.plan(-1, 4)
        self.approvals = [approval("approved", "Mia Lee")]
        self.comments: dict[str, dict[str, Any]] = {}
        self.attachments: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}

    def plan(self, start: float, end: float) -> None:
        """Set the planned start and end, in hours from now, in a zone of the site's."""
        zone = datetime.timezone(datetime.timedelta(hours=2))
        for name, hours in ((START, start), (END, end)):
            self.fields[name] = f"{hours_from_now(hours).astimezone(zone):%Y-%m-%dT%H:%M:%S.000%z}"

    def unauthorized(self) -> Answer:
        return 401, {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}}

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        issue, request = f"/rest/api/3/issue/{self.key}", f"/rest/servicedeskapi/request/{self.key}"
        last = path.rpartition("/")[2]
        if (method, path) == ("GET", issue):
            fields = {"status": {"name": self.status}, **self.fields}
            return 200, {"key": self.key, "fields": {name: fields.get(name) for name in query["fields"].split(",")}}
        if (method, path) == ("GET", f"{request}/approval"):
            return 200, {"size": len(self.approvals), "start": 0, "limit": 50, "isLastPage": True} | {
                "values": self.approvals
            }
        if (method, path) == ("POST", f"{request}/comment"):
            return self._commented(json.loads(body))
        if (method, path) == ("GET", f"{request}/comment/{last}") and last in self.comments:
            return 200, self.comments[last]
        if path == f"{issue}/transitions":
            return self._possible() if method == "GET" else self._moved(json.loads(body))
        if (method, path) == ("POST", f"{issue}/attachments"):
            return self._attached(headers, body)
        if (method, path) == ("GET", f"/rest/api/3/attachment/{last}") and last in self.attachments:
            return 200, self.attachments[last]
        return 404, NOT_THERE

    def _commented(self, given: dict[str, Any]) -> Answer:
        if not given.get("body"):
            return 400, {"errorMessage": "Comment body can not be empty!", "i18nErrorMessage": {"parameters": []}}
        comment = {"id": str(10000 + len(self.written("note"))), "body": given["body"], "public": given["public"]}
        self.write("note", given["body"], lambda: self.comments.update({comment["id"]: comment}))
        self.on_note(len(self.written("note")))
        return 201, comment

    def _possible(self) -> Answer:
        onward = TRANSITIONS.get(self.status, {})
        moves = [{"id": each, "name": f"Mark as {to}", "to": {"name": to}} for each, to in onward.items()]
        return 200, {"expand": "transitions", "transitions": moves}

    def _moved(self, given: dict[str, Any]) -> Answer:
        status = TRANSITIONS.get(self.status, {}).get(given["transition"]["id"])
        if status is None:
            return 400, {"errorMessages": ["It seems that you have tried to perform an illegal workflow operation."]}
        self.write("state", status, lambda: setattr(self, "status", status))
        return 204, None

    def _attached(self, headers: Any, body: bytes) -> Answer:
        if headers.get("X-Atlassian-Token") != "no-check":
            return 403, "XSRF check failed"
        # As Jira does, a part's bytes are taken as they are: RFC 7578 has done away with Content-Transfer-Encoding.
        name, content = only_part(headers["Content-Type"], body)
        meta = {"id": str(20000 + len(self.attachments)), "filename": name, "size": len(content)}
        self.write("attachment", name, lambda: self._keep(meta, content))
        return 200, [meta]

    def _keep(self, meta: dict[str, Any], content: bytes) -> None:
        self.attachments[meta["id"]] = meta
        self.files[meta["filename"]] = content


def approval(decision: str, name: str) -> dict[str, Any]:
    approver = {"approver": {"accountId": "5b10a2844c20", "displayName": name}, "approverDecision": decision}
    return {"id": "1", "name": "Change manager", "finalDecision": decision, "approvers": [approver]}


def only_part(content_type: str, body: bytes) -> tuple[str, bytes]:
    """The name and the bytes of the one file in a multipart/form-data body; its field's name has to be `file`."""
    head = email.parser.HeaderParser(policy=email.policy.HTTP).parsestr(f"Content-Type: {content_type}\n\n")
    boundary = f"--{head['Content-Type'].params['boundary']}".encode()
    before, part, after = body.split(boundary)
    assert (before, after) == (b"", b"--\r\n"), body
    lines, content = part.removeprefix(b"\r\n").split(b"\r\n\r\n", 1)
    headers = email.parser.HeaderParser(policy=email.policy.HTTP).parsestr(lines.decode())
    disposition = headers["Content-Disposition"].params
    assert disposition["name"] == "file"
    return disposition["filename"], content.removesuffix(b"\r\n")
