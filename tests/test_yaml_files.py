"""YAML is read in one place: no key twice, 1e7 is a number, faults in one line."""

from pathlib import Path

import pytest

from petrecon.errors import CardError
from petrecon.yaml_files import parse_yaml, read_yaml

SOURCES = Path(__file__).parents[1] / "src" / "petrecon"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' is there twice, in lines 1 and 3"),
        ("top:\n  x: {k: 1, k: 2}\n", "'k' is there twice, in lines 2 and 2"),
        ("- id: 1\n- id: 2\n  id: 3\n", "'id' is there twice, in lines 2 and 3"),
        ("a: 1\n'a': 2\n", "'a' is there twice"),
        ("a: [1, 2\n", "is not valid YAML"),
        ("a: !!python/object:os.system x\n", "is not valid YAML"),
        ("a: 2026-13-45\n", "is not valid YAML"),
    ],
)
def test_faults_are_told_in_one_line_with_the_name_of_the_file(text, says):
    with pytest.raises(CardError, match=says) as error:
        parse_yaml(text, "data/mine.yml")
    assert str(error.value).startswith("data/mine.yml")
    assert "\n" not in str(error.value)


def test_the_same_key_in_different_mappings_is_no_fault():
    assert parse_yaml("a: {k: 1}\nb: {k: 2}\n", "x") == {"a": {"k": 1}, "b": {"k": 2}}
    merged = "base: &base {k: 1, l: 2}\nmore: &more\n  <<: *base\n  k: 3\nlast:\n  <<: *more\n  l: 4\n"
    assert parse_yaml(merged, "x")["last"] == {"k": 3, "l": 4}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e7", 1e7), ("-2.5E-3", -2.5e-3), ("1.e3", 1e3), ("1.0e+7", 1e7), ("12", 12), ("1e", "1e"), ("e7", "e7")],
)
def test_numbers_are_read_as_everybody_writes_them(text, value):
    """YAML 1.1 takes 1e7 for text: a card then said that it is no number."""
    found = parse_yaml(f"a: {text}", "x")["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(CardError, match=r"absent\.yml cannot be read"):
        read_yaml(tmp_path / "absent.yml")
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match="my card cannot be read"):
        read_yaml(tmp_path / "binary.yml", "my card")


def test_nothing_reads_yaml_but_this_reader():
    readers = [p.name for p in SOURCES.rglob("*.py") if "safe_load" in p.read_text() or "yaml.load" in p.read_text()]
    assert readers == ["yaml_files.py"]
