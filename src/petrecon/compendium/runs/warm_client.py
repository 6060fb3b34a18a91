"""Ask a warm server for a kernel and stand for it; where it has none, become a fresh one; run as a script.

    python warm_client.py SOCKET PACKAGES -f CONNECTION_FILE …

Whoever starts and stops kernels sees one process: signals go on to the kernel, and its exit status is passed back.
It imports as little as it can, for it is started for every run.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from types import FrameType

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Pass the request on; wait for the kernel's end."""
    place, packages, *arguments = sys.argv[1:]
    environment = {name: value for name, value in os.environ.items() if name != "PETRECON_WARM"}
    request = {
        "packages": [name for name in packages.split(",") if name],
        "arguments": arguments,
        "folder": os.getcwd(),
        "environment": environment,
    }
    connection = _ask(place, json.dumps(request).encode())
    if connection is None:
        os.execve(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *arguments], environment)
    status = connection.recv(64)  # the kernel's end, or the server's
    sys.exit(int(status) if status else 1)


def _ask(place: str, request: bytes) -> socket.socket | None:
    """Return the connection that tells of the kernel's end once one was forked, or None."""
    for _ in range(2):  # a server with fewer packages names one with all
        try:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            connection.connect(place)
            socket.send_fds(connection, [request], [0, 1, 2])
            word, _, rest = connection.recv(4096).decode().partition(" ")
        except OSError:
            return None
        if word == "pid":
            _pass_signals_on(int(rest))
            return connection
        if word != "go":
            return None
        place = rest
    return None


def _pass_signals_on(kernel: int) -> None:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        try:
            os.killpg(kernel, number)
        except OSError:
            os.kill(kernel, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)


if __name__ == "__main__":
    main()
