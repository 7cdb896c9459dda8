"""Pages of a dashboard that are open, as far as the cluster can tell: WebSockets that take what comes.

    python open_pages.py COUNT LINK

Says `ready` when each has had its first pulse; ends when its standard input does.
"""

import base64
import os
import selectors
import socket
import sys
from urllib.parse import parse_qs, urlsplit

READ_BYTES = 1 << 16
OPENED = b"HTTP/1.1 101"
PULSE = b'"type":"pulse"'


def open_page(link: str) -> socket.socket:
    """A WebSocket at a dashboard whose link has the token."""
    parts = urlsplit(link)
    token = parse_qs(parts.query)["token"][0]
    page = socket.create_connection((parts.hostname, parts.port))
    lines = [
        "GET /api/v1/live HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Authorization: Bearer {token}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]
    page.sendall("\r\n".join([*lines, "", ""]).encode())
    return page


def main() -> None:
    count, link = int(sys.argv[1]), sys.argv[2]
    ears = selectors.DefaultSelector()
    ears.register(sys.stdin, selectors.EVENT_READ)
    for _ in range(count):
        ears.register(open_page(link), selectors.EVENT_READ, bytearray())
    waiting = count
    while True:
        for key, _ in ears.select():
            if key.fileobj is sys.stdin:
                return
            piece = key.fileobj.recv(READ_BYTES)
            if not piece:
                sys.exit("the dashboard closed a page")
            beginning = key.data
            if PULSE not in beginning:
                beginning += piece
                if not beginning.startswith(OPENED[: len(beginning)]):
                    sys.exit(f"no page: {bytes(beginning[:200])!r}")
                if PULSE in beginning:
                    waiting -= 1
                    if not waiting:
                        print("ready", flush=True)


if __name__ == "__main__":
    main()
