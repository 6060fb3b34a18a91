"""Import MONAI without the libraries that it imports only where they are installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def light_monai() -> Iterator[None]:
    """Let an import of MONAI in this block take half the time: to it, the library `transformers` is not installed.

    MONAI imports it where it is (the `peft` library needs it), and with it a compiler and distributed training, for
    one network that is not used here. A process that imports MONAI in this way has no `TransChex`.

    Examples
    --------
    >>> with light_monai():
    ...     from monai.networks.nets.unetr import UNETR
    """
    if "monai" in sys.modules or "transformers" in sys.modules:
        yield
        return
    sys.modules["transformers"] = None  # type: ignore[assignment]  # what import statements take for a missing module
    try:
        yield
    finally:
        del sys.modules["transformers"]
