"""A process that has imported the large packages once and is forked for every kernel; run as a script.

It imports no module of petrecon: those are read anew by every kernel, so that an edit counts at once. It answers
`cold` (start an interpreter of your own) whenever a kernel forked from it could differ from a fresh one: another
environment, packages installed meanwhile, code put before all others by `sitecustomize`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

OWN = ("PETRECON_", "JPY_", "IPYTHONDIR")
"""How the names of variables begin that a kernel may have other values of than the server."""
BASE = (
    "numpy", "scipy.sparse.linalg", "scipy.optimize", "scipy.ndimage", "scipy.special", "scipy.interpolate",
    "scipy.integrate", "scipy.signal", "scipy.spatial", "scipy.stats", "pandas", "matplotlib.pyplot", "seaborn",
    "torch", "numba", "nibabel", "skimage.metrics", "skimage.segmentation", "safetensors.torch", "tqdm", "yaml",
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.inprocess", "IPython.display",
)  # fmt: skip
_LARGEST = 2**18  # bytes of a request: an environment and a command


class Server:
    """What a server knows: its socket, what it imported, its kernels, and the servers forked from it."""

    def __init__(self, listener: socket.socket, packages: tuple[str, ...]) -> None:
        self.listener = listener
        self.environment = dict(os.environ)
        self.installed = _stamps_of_packages()
        self.others: dict[tuple[str, ...], str] = {}
        self.kernels: dict[int, socket.socket] = {}
        self.load(packages)

    def load(self, packages: tuple[str, ...]) -> None:
        """Import packages; those that are not here are left to the run that wants them."""
        for name in packages:
            with suppress(ImportError):
                importlib.import_module(name)
        self.loaded = frozenset(packages)
        gc.collect()
        gc.freeze()

    def why_cold(self, environment: dict[str, str]) -> str:
        """Say why a kernel with this environment cannot be forked here; an empty text when it can."""
        theirs, ours = _shared(environment), _shared(self.environment)
        differs = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
        if differs:
            return f"{', '.join(differs)} differ"
        if _stamps_of_packages() != self.installed:
            return "packages were installed"
        return "modules stand before all others" if _foreign() else ""


def _shared(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(OWN)}


def _stamps_of_packages() -> list[int]:
    folders = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    return [os.stat(folder).st_mtime_ns for folder in folders if os.path.isdir(folder)]


_AT_START = [getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if name != "__main__"]


def _foreign() -> list[str]:
    """Return the modules loaded at the start that are neither the interpreter's nor a package's."""
    ways = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    files = [Path(name) for name in _AT_START if isinstance(name, str) and name.endswith(".py")]
    return [str(file) for file in files if not any(file.is_relative_to(way) for way in ways)]


def serve(server: Server) -> dict[str, Any]:
    """Fork for every request until standard input ends; return, in a child only, what it is to do."""
    selector, (wake, waker) = selectors.DefaultSelector(), socket.socketpair()
    waker.setblocking(False)
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker.fileno())
    for source in (server.listener, 0, wake):
        selector.register(source, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is server.listener:
                connection = server.listener.accept()[0]
                task = _answer(server, connection)
                if task is not None:
                    _leave(server, selector, wake, waker)
                    return task
                if connection.fileno() >= 0:
                    selector.register(connection, selectors.EVENT_READ)
            elif key.fileobj == 0:
                _end(server)
            elif key.fileobj is wake:
                with suppress(BlockingIOError):
                    wake.recv(1024)
                for connection in _reap(server):
                    with suppress(KeyError):
                        selector.unregister(connection)
                    connection.close()
            else:  # whoever asked for this kernel is gone
                with suppress(KeyError, ValueError):
                    selector.unregister(key.fileobj)
                _kill([pid for pid, connection in server.kernels.items() if connection is key.fileobj])


def _answer(server: Server, connection: socket.socket) -> dict[str, Any] | None:
    """Answer a request with `cold`, with the place of a server that has more, or with the number of a new kernel."""
    try:
        message, places, _, _ = socket.recv_fds(connection, _LARGEST, 3)
        request = json.loads(message)
        more = tuple(name for name in request["packages"] if name not in server.loaded)
        why = server.why_cold(request["environment"])
        task = None
        if why:
            connection.send(f"cold {why}".encode())
        elif more:
            task = _other(server, more)
            if task is None:
                connection.send(f"go {server.others[more]}".encode())
        else:
            pid = os.fork()
            if not pid:
                return {"kernel": request, "places": places, "connection": connection}
            server.kernels[pid] = connection
            connection.send(f"pid {pid}".encode())
            connection = None  # type: ignore[assignment]
        for place in places:
            os.close(place)
        return task
    except (OSError, ValueError, KeyError):
        return None
    finally:
        if connection is not None and connection not in server.kernels.values():
            connection.close()


def _other(server: Server, more: tuple[str, ...]) -> dict[str, Any] | None:
    """Fork a server that imports more, once; return its task in the child."""
    if more in server.others:
        return None
    place = f"{server.listener.getsockname()}.{len(server.others)}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(place)
    listener.listen(64)
    if not os.fork():
        return {"server": listener, "packages": more}
    listener.close()
    server.others[more] = place
    return None


def _reap(server: Server) -> list[socket.socket]:
    """Tell those who wait how their kernels ended; return their connections."""
    done = []
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            connection = server.kernels.pop(pid, None)
            if connection is not None:
                with suppress(OSError):
                    connection.send(str(os.waitstatus_to_exitcode(status)).encode())
                done.append(connection)
    return done


def _kill(kernels: list[int]) -> None:
    for pid in kernels:
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _end(server: Server) -> NoReturn:
    _kill(list(server.kernels))
    os._exit(0)


def _leave(server: Server, selector: selectors.BaseSelector, *sockets: socket.socket) -> None:
    """Close, in a child, what is the server's."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    selector.close()
    for own in (server.listener, *server.kernels.values(), *sockets):
        own.close()
    server.kernels.clear()


def run_kernel(request: dict[str, Any], places: list[int]) -> None:
    """Become the kernel that was asked for: its environment, folder, files and command."""
    os.setsid()
    for number, place in enumerate(places):
        os.dup2(place, number)
        os.close(place)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update({**request["environment"], "JPY_PARENT_PID": str(os.getppid())})
    import ipykernel_launcher

    sys.argv = [ipykernel_launcher.__file__, *request["arguments"]]
    sys.orig_argv[:] = [sys.executable, "-m", "ipykernel_launcher", *request["arguments"]]
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()


def main() -> None:
    """Serve at the socket that the command names; a forked child goes on as a kernel, or as a server of its own."""
    del sys.path[0]  # this script's folder: no kernel of a fresh interpreter has it
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(sys.argv[1])
    listener.listen(64)
    server = Server(listener, BASE)
    while True:
        task = serve(server)
        if "kernel" in task:
            task.pop("connection").close()
            run_kernel(task["kernel"], task["places"])
            return
        server.listener, server.others = task["server"], {}
        server.load(tuple(server.loaded) + task["packages"])


if __name__ == "__main__":
    main()
