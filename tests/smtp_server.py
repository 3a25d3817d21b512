"""A small SMTP server on loopback (RFC 5321, STARTTLS, AUTH PLAIN) that answers as it is told."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


@dataclass
class Mailbox:
    """What came in, and the replies that differ from what is usual, by command.

    A list of replies is used up one by one; then all is as usual.
    """

    port: int = 0
    offers_tls: bool = False
    replies: dict[str, list[str]] = field(default_factory=dict)
    hangs: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    in_the_clear: list[str] = field(default_factory=list)
    sessions: int = 0
    leave: threading.Event = field(default_factory=threading.Event)


@contextmanager
def smtp_server(
    certificate: tuple[Path, Path] | None = None, at_once: bool = False
) -> Iterator[Mailbox]:
    """Start a server; with a certificate it offers STARTTLS, or speaks TLS at once."""
    box = Mailbox(offers_tls=certificate is not None and not at_once)
    safe: ssl.SSLContext | None = None
    if certificate is not None:
        safe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        safe.load_cert_chain(*map(str, certificate))

    class Handler(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

        def reply(self, command: str, usual: str) -> bool:
            """Reply; whether it was a success."""
            told = box.replies.get(command, [])
            text = told.pop(0) if told else usual
            self.say(text)
            return text[0] in "23"

        def handle(self) -> None:
            box.sessions += 1
            self.hidden = at_once
            if box.hangs:
                box.leave.wait(20)
                return
            try:
                self.talk()
            except (OSError, ValueError):
                return

        def talk(self) -> None:
            if not self.reply("CONNECT", "220 here"):
                return
            while line := self.rfile.readline():
                text = line.decode("utf-8", "replace").strip()
                command = text.split(" ")[0].upper()
                if not self.hidden:
                    box.in_the_clear.append(text)
                if command == "EHLO":
                    more = ["STARTTLS"] if box.offers_tls and not self.hidden else []
                    more += ["AUTH PLAIN", "8BITMIME"]
                    self.say("250-here\r\n" + "\r\n".join(f"250-{m}" for m in more) + "\r\n250 OK")
                elif command == "STARTTLS":
                    if self.reply(command, "220 go on") and safe is not None:
                        self.connection = safe.wrap_socket(self.connection, server_side=True)
                        self.rfile = self.connection.makefile("rb")
                        self.wfile = self.connection.makefile("wb", buffering=0)
                        self.hidden = True
                elif command == "AUTH":
                    _, user, password = base64.b64decode(text.split(" ")[2]).decode().split("\0")
                    box.logins.append((user, password))
                    self.reply(command, "235 welcome")
                elif command == "RCPT":
                    if self.reply(command, "250 fine"):
                        box.recipients.append(text.partition("<")[2].partition(">")[0])
                elif command == "DATA":
                    if self.reply(command, "354 go on"):
                        self.take()
                elif command == "QUIT":
                    self.reply(command, "221 bye")
                    return
                else:
                    self.reply(command, "250 fine")

        def take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b"..") else line)
            if self.reply("END", "250 taken"):
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                assert isinstance(mail, EmailMessage)
                box.mails.append(mail)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    if at_once and safe is not None:
        server.socket = safe.wrap_socket(server.socket, server_side=True)
    box.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield box
    finally:
        box.leave.set()
        server.shutdown()
        server.server_close()
