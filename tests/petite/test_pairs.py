"""Exams on disk: made once, the same when read again, made again when damaged."""

import pytest
import torch

from petrecon.errors import InputError, ParameterError
from petrecon.petite import pairs as pairs_module
from petrecon.petite.cache import cache_file, read_volumes, write_volumes
from petrecon.petite.pairs import load_pairs
from petrecon.petite.population import population

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
    files = sorted((folder / "petite").iterdir())
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


def test_stored_volumes_are_rounded_to_half_precision(tmp_path, monkeypatch):
    monkeypatch.setenv("PETRECON_CACHE", str(tmp_path))
    file = cache_file({"a": 1})
    assert file != cache_file({"a": 2})
    assert read_volumes(file) is None
    x = torch.rand(4, 5, generator=torch.Generator().manual_seed(0)) * 40
    write_volumes(file, {"x": x, "mask": x > 20})
    back = read_volumes(file)
    torch.testing.assert_close(back["x"], x, rtol=5e-4, atol=0)
    assert back["mask"].dtype == torch.bool
    assert torch.equal(back["mask"], x > 20)
    assert [f.suffix for f in file.parent.iterdir()] == [".npz"]
