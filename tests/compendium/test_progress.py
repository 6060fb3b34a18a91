"""While runs are made one line says how far it is and about how long it will take."""

from __future__ import annotations

import io

import pytest

from petrecon.compendium.book.progress import Progress, as_time


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_follows_from_earlier_runs_and_from_how_fast_this_machine_is():
    clock, text = _Clock(), io.StringIO()
    progress = Progress({"a": 100.0, "b": 100.0, "c": 200.0, "d": None}, 6, 2, text, clock)
    assert progress.seconds_left() is None, "nothing is told before the first runs have ended"
    for name in "ab":
        progress.start(name, f"petrecon run {name}")
        clock.now += 50.0
        progress.end(name)
    assert progress.seconds_left() == pytest.approx(100), "twice as fast as before; the longest takes 100 s"
    progress.start("c", "petrecon run c")
    clock.now += 50.0
    assert progress.seconds_left() == pytest.approx(50), "d is expected to take the median, two at a time"
    lines = text.getvalue().splitlines()
    assert lines[0] == "[2/6] petrecon run a  (0 s)"
    assert lines[2] == "[4/6] petrecon run c  (2 min, about 2 min left)"
    for name in "cd":
        progress.end(name, made=False)
    assert progress.seconds_left() == 0


def test_nothing_is_estimated_where_nothing_is_known():
    text = io.StringIO()
    progress = Progress({"a": None}, 1, 2, text, _Clock())
    progress.start("a", "petrecon run a")
    assert text.getvalue() == "[0/1] petrecon run a  (0 s)\n"


def test_on_a_terminal_there_is_one_line():
    text = _Terminal()
    progress = Progress({"a": 1.0}, 1, 2, text, _Clock())
    progress.start("a", "petrecon run a")
    progress.end("a")
    progress.close()
    assert "\n" not in text.getvalue()
    assert text.getvalue().endswith("\r\x1b[K")
    progress.say("a run failed")
    assert text.getvalue().endswith("\r\x1b[Ka run failed\n")


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (150, "2 min"), (7500, "2 h 5 min")])
def test_times_are_said_as_people_say_them(seconds, words):
    assert as_time(seconds) == words
