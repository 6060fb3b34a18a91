"""A command that is asked to stop, by whomever, cleans up and says so in its exit code."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

import pytest

from petrecon.stopping import Stopped, stopping


@contextmanager
def _cleaning(cleaned: list):
    try:
        yield
    finally:
        for again in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(os.getpid(), again)
        cleaned.append(True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_stops_once_and_further_ones_let_the_cleaning_up_end(number):
    before = signal.getsignal(number)
    cleaned = []
    with pytest.raises(Stopped) as caught, stopping(), _cleaning(cleaned):
        os.kill(os.getpid(), number)
    assert caught.value.signal == number
    assert cleaned
    assert signal.getsignal(number) is before


def test_a_signal_that_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
