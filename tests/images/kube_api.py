"""A Kubernetes API for the pods of one namespace; who may do what, the Role that it is given says.

It runs as a program in a container and has nothing but the standard library. It knows the verbs
that a Spark driver needs, and watches without WebSockets, which clients fall back to.

Usage: python kube_api.py SETTINGS
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Object = dict[str, Any]
VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}


class Pods:
    """The pods there are, and all that has happened to them."""

    def __init__(self) -> None:
        self._pods: dict[str, Object] = {}
        self._events: list[Object] = []
        self._changed = threading.Condition()

    def get(self, name: str) -> Object | None:
        return self._pods.get(name)

    def chosen(self, selector: str) -> list[Object]:
        """Those that a selector such as `a=b,c!=d` takes."""
        with self._changed:
            return [pod for pod in self._pods.values() if fits(pod, selector)]

    def put(self, pod: Object) -> Object:
        kind = "MODIFIED" if pod["metadata"]["name"] in self._pods else "ADDED"
        return self._happen(kind, pod)

    def delete(self, pod: Object) -> Object:
        return self._happen("DELETED", pod)

    @property
    def version(self) -> int:
        return len(self._events)

    def after(self, version: int, seconds: float) -> list[Object]:
        """What has happened since; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) > version, seconds)
            return self._events[version:]

    def _happen(self, kind: str, pod: Object) -> Object:
        with self._changed:
            pod = json.loads(json.dumps(pod))
            pod["metadata"]["resourceVersion"] = str(len(self._events) + 1)
            self._events.append({"type": kind, "object": pod})
            if kind == "DELETED":
                self._pods.pop(pod["metadata"]["name"], None)
            else:
                self._pods[pod["metadata"]["name"]] = pod
            self._changed.notify_all()
            return pod


def fits(pod: Object, selector: str) -> bool:
    labels = pod["metadata"].get("labels", {})
    for wanted in filter(None, selector.split(",")):
        name, _, value = wanted.partition("=")
        if (labels.get(name.rstrip("!")) == value) == name.endswith("!"):
            return False
    return True


class Api(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    pods = Pods()
    # By token: the rules of a Role, or None for everything.
    rules: dict[str, list[Object] | None] = {}  # noqa: RUF012 (set once, by the program)
    asked: list[list[str]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self._answer()

    # As the server wants them to be called.
    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """What was asked is kept, not printed."""

    def _answer(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        query = {k: v[0] for k, v in urllib.parse.parse_qs(url.query).items()}
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or "null")
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.rules:
            return self._status(401, "Unauthorized", "who are you?")
        if url.path == "/asked":
            return self._json(200, self.asked)
        kind, name, verb = self._wanted(url.path, query)
        if self.rules[token] is not None:
            self.asked.append([verb, kind])
        if not self._may(token, kind, verb):
            return self._status(403, "Forbidden", f"{verb} {kind} {name}: not allowed")
        work: dict[str, Callable[[], None]] = {
            "get": lambda: self._one(self.pods.get(name)),
            "create": lambda: self._create(body),
            "update": lambda: self._json(200, self.pods.put(body)),
            "list": lambda: self._list(query),
            "watch": lambda: self._watch(query),
            "delete": lambda: self._delete(name),
            "deletecollection": lambda: self._delete_all(query),
        }
        return work[verb]()

    def _wanted(self, path: str, query: dict[str, str]) -> tuple[str, str, str]:
        """Kind, name and verb, as RBAC calls them."""
        parts = path.removeprefix("/api/v1/namespaces/churn-mlops/").split("/")
        kind, name = parts[0], "/".join(parts[1:])
        verb = VERBS.get(self.command) or ("get" if name else "list")
        if verb == "list" and query.get("watch") == "true":
            verb = "watch"
        return kind, name, "deletecollection" if verb == "delete" and not name else verb

    def _may(self, token: str, kind: str, verb: str) -> bool:
        rules = self.rules[token]
        return rules is None or any(
            kind in rule["resources"] and verb in rule["verbs"] and "" in rule["apiGroups"]
            for rule in rules
        )

    def _create(self, pod: Object) -> None:
        if self.pods.get(pod["metadata"]["name"]):
            return self._status(409, "AlreadyExists", pod["metadata"]["name"])
        pod["metadata"] |= {"uid": f"uid-{self.pods.version}", "namespace": "churn-mlops"}
        pod["status"] = {"phase": "Pending"}
        return self._json(201, self.pods.put(pod))

    def _one(self, pod: Object | None) -> None:
        if pod is None:
            return self._status(404, "NotFound", self.path)
        return self._json(200, pod)

    def _delete(self, name: str) -> None:
        pod = self.pods.get(name)
        return self._one(pod and self.pods.delete(pod))

    def _delete_all(self, query: dict[str, str]) -> None:
        for pod in self.pods.chosen(query.get("labelSelector", "")):
            self.pods.delete(pod)
        self._list(query)

    def _list(self, query: dict[str, str]) -> None:
        version = {"resourceVersion": str(self.pods.version)}
        items = self.pods.chosen(query.get("labelSelector", ""))
        self._json(
            200, {"apiVersion": "v1", "kind": "PodList", "metadata": version, "items": items}
        )

    def _watch(self, query: dict[str, str]) -> None:
        if self.headers.get("Upgrade"):
            return self._status(503, "ServiceUnavailable", "no WebSockets here")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        seen = int(query.get("resourceVersion") or 0)
        while True:
            for event in self.pods.after(seen, 60):
                seen += 1
                if fits(event["object"], query.get("labelSelector", "")):
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()

    def _status(self, code: int, reason: str, message: str) -> None:
        body = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
        self._json(code, body | {"code": code, "reason": reason, "message": message})

    def _json(self, code: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    """Answer at port 443 until it is ended."""
    folder = Path(sys.argv[1])
    Api.rules = json.loads((folder / "rules.json").read_text())
    server = ThreadingHTTPServer(("", 443), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
