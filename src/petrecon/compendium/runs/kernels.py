"""A kernel of this interpreter that nobody else can reach, and one line when none can start."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from petrecon.errors import KernelError

FOLDERS = "petrecon-"  # how the names of kernels' folders among the temporary files begin
START_SECONDS = 600  # a busy machine may need minutes to import IPython
_LONGEST = 100  # bytes of a socket's path: systems allow 104 or 108


class Kernel:
    """Where one kernel keeps its sockets, its settings and what it says on stderr, and the class that starts it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.has_sockets = _takes_sockets(folder)
        self._environment = {**environment, "IPYTHONDIR": str(folder / "ipython")}

    def manager(self, command: Sequence[str] = ()) -> type:
        """Return a manager of the kernel that `command` starts: by default, an interpreter of its own.

        It talks over sockets in `folder` where the system has them: no ports, and no other user. Only
        elsewhere over ports of this machine.
        """
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager

        folder = self.folder
        words = [*(command or (sys.executable, "-m", "ipykernel_launcher")), "-f", "{connection_file}"]
        spec = KernelSpec(argv=words, display_name="Python 3", language="python", env=self._environment)
        place = {"transport": "ipc", "ip": str(folder / "k"), "cache_ports": False} if self.has_sockets else {}

        class OwnKernelManager(AsyncKernelManager):
            kernel_spec = spec

            def __init__(self, **options: Any) -> None:
                super().__init__(**{**options, **place, "connection_file": str(folder / "kernel.json")})

            async def start_kernel(self, **options: Any) -> Any:  # type: ignore[override]
                with (folder / "stderr").open("wb") as stderr:
                    return await super().start_kernel(**options, stderr=stderr)

        return OwnKernelManager

    def failed(self, why: object) -> KernelError:
        """Return the error of a kernel that did not start: one line, with the last that it said."""
        log = self.folder / "stderr"
        said = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
        last = next((line.strip() for line in reversed(said) if line.strip()), " ".join(str(why).split()))
        return KernelError(f"no kernel can start on this machine ({last}): say `petrecon doctor`")


@contextmanager
def own_kernel(beside: Path, environment: Mapping[str, str]) -> Iterator[Kernel]:
    """Give a kernel whose folder only this user may enter; it goes when the block ends.

    It lies in the folder `beside`, or where temporary files do when sockets cannot be made there.
    """
    folder = beside / "kernel"
    folder.mkdir(mode=0o700)
    if not _takes_sockets(folder):
        folder.rmdir()
        place, folder = folder, Path(tempfile.mkdtemp(prefix=FOLDERS))
        place.symlink_to(folder)  # so that the next run finds what a killed one left there
    try:
        yield Kernel(folder, environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left(folder: Path) -> None:
    """Remove the working folder of a run that was killed, and its kernel's folder among the temporary files."""
    for link in folder.glob("*/kernel"):
        if link.is_symlink() and link.readlink().name.startswith(FOLDERS):
            shutil.rmtree(link.readlink(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def try_to_start(seconds: float = 60) -> str:
    """Start a kernel and end it; return how it talks.

    Raises
    ------
    KernelError
        If it does not start, or does not answer in time.
    """
    with tempfile.TemporaryDirectory(prefix=FOLDERS) as place, own_kernel(Path(place), {}) as kernel:
        try:
            asyncio.run(_start_and_end(kernel.manager()(), seconds))
        except (RuntimeError, OSError) as error:
            raise kernel.failed(error) from None
        return "over sockets of its own" if kernel.has_sockets else "over ports of this machine"


async def _start_and_end(manager: Any, seconds: float) -> None:
    try:
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=seconds)
        finally:
            client.stop_channels()
    finally:
        await manager.shutdown_kernel(now=True)


def _takes_sockets(folder: Path) -> bool:
    """Tell whether a socket can be made in `folder`: not every system and disk can, and the path must be short."""
    path = folder / "probe"
    if not hasattr(socket, "AF_UNIX") or len(os.fsencode(path)) > _LONGEST:
        return False
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(path))
        path.unlink()
    except OSError:
        return False
    return True
