"""A reverse proxy that shows a server below a path, with the ways of those that people use.

Like jupyter-server-proxy it takes the path's beginning away, decodes what is left of the path but not the
query, and passes on `Host`. Like nginx as it comes it can name itself as `Host` instead, and tell in
`X-Forwarded-Host` what the browser named.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote, unquote

HEAD_BYTES_MAX = 64 * 1024


class PrefixProxy:
    """Shows the server at a port of this machine below `prefix`, at `base`; other paths get 404."""

    def __init__(self, port: int, prefix: str, host: str) -> None:
        self.target, self.prefix = port, prefix
        self.of_host = host
        """What it does with `Host`: `kept`; `told`, its own and the browser's beside it; `hidden`."""
        self.astray: list[str] = []
        """Paths beside the prefix that were asked for."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.base = f"http://{self.host}{prefix}"
        self.thread = _start(self._accept_all)

    def close(self) -> None:
        # Wakes the thread that accepts; `close` alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def _accept_all(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self.listener.accept()
                _start(self._answer, browser)

    def _answer(self, browser: socket.socket) -> None:
        """Pass on one request, and then bytes both ways: that suits an answer as it suits a WebSocket."""
        with browser, suppress(OSError):
            head, rest = _head_of(browser)
            request, *headers = head.decode("latin-1").split("\r\n")
            method, address, version = request.split(" ")
            path = self._path(address)
            if path is None:
                self.astray.append(address)
                browser.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            lines = [f"{method} {path} {version}", *self._headers(headers), "", ""]
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall("\r\n".join(lines).encode("latin-1") + rest)
                back = _start(_pass_on, server, browser)
                _pass_on(browser, server)
                back.join()

    def _path(self, address: str) -> str | None:
        """What the server is asked for; None for what lies elsewhere."""
        path, mark, query = address.partition("?")
        if path != self.prefix and not path.startswith(f"{self.prefix}/"):
            return None
        inner = unquote(path[len(self.prefix) :]) or "/"
        return quote(inner, safe=":/?#[]@!$&'()*+,;=-._~").partition("#")[0] + mark + query

    def _headers(self, headers: list[str]) -> list[str]:
        is_socket = any(header.lower().startswith("upgrade:") for header in headers)
        kept = [header for header in headers if is_socket or not header.lower().startswith("connection:")]
        if self.of_host != "kept":
            kept = [header for header in kept if not header.lower().startswith("host:")]
            kept.append(f"Host: 127.0.0.1:{self.target}")
        if self.of_host == "told":
            kept.append(f"X-Forwarded-Host: {self.host}")
        return [*kept, f"X-Forwarded-Prefix: {self.prefix}", *([] if is_socket else ["Connection: close"])]


def _start(function: Callable, *arguments) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def _head_of(peer: socket.socket) -> tuple[bytes, bytes]:
    """The request's line and headers, and what came after them already."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = peer.recv(HEAD_BYTES_MAX)
        if not more or len(got) > HEAD_BYTES_MAX:
            raise OSError("the head of a request ended in the middle, or never did")
        got += more
    head, _, rest = got.partition(b"\r\n\r\n")
    return head, rest


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while got := source.recv(HEAD_BYTES_MAX):
            target.sendall(got)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
