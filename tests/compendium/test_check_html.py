"""The check of the built book finds dead links, missing words and anything fetched from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrecon.compendium.book.check_html import check_html

GOOD = """<html><head><link rel="stylesheet" href="a.css"></head><body id="top">
<a href="b.html#there">b</a> <a href="#top">up</a> <a href="https://doi.org/10.1/x">doi</a> <a href="#">x</a>
<img src="a.png" alt="PSNR rises with iterations"><img src="a.png" aria-hidden="true"></body></html>"""


@pytest.fixture
def html(tmp_path: Path) -> Path:
    (tmp_path / "b.html").write_text('<h1 id="there">B</h1>', encoding="utf-8")
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "a.css").write_text("a { background: url(a.png) }", encoding="utf-8")
    (tmp_path / "index.html").write_text(GOOD, encoding="utf-8")
    return tmp_path


def test_a_good_book_passes(html):
    assert check_html(html) == []


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("b.html#there", "c.html", "link to c.html: there is no such file"),
        ("b.html#there", "b.html#here", "there is no #here"),
        ('href="#top"', 'href="#bottom"', "there is no #bottom"),
        (' alt="PSNR rises with iterations"', "", "has no alternative text"),
        ("PSNR rises with iterations", " ", "has no alternative text"),
        ("PSNR rises with iterations", "a.png", "has a file name as alternative text"),
        ("PSNR rises with iterations", "_images/03a9.png", "has a file name as alternative text"),
        ('src="a.png" alt', 'src="c.png" alt', "c.png: there is no such file"),
        ('src="a.png" alt', 'src="https://x.org/a.png" alt', "fetches https://x.org/a.png"),
        ('href="a.css"', 'href="//cdn.org/a.css"', "fetches //cdn.org/a.css"),
        ("</body>", '<script src="https://cdn.org/a.js"></script></body>', "fetches https://cdn.org/a.js"),
    ],
)
def test_what_is_wrong_is_named(html, old, new, wrong):
    assert old in GOOD
    (html / "index.html").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    (told,) = check_html(html)
    assert told.startswith("index.html: ")
    assert wrong in told


def test_style_sheets_fetch_nothing(html):
    (html / "a.css").write_text('@import "https://fonts.org/a.css"; b { src: url("http://x.org/f") }', encoding="utf-8")
    assert len(check_html(html)) == 2


def test_an_empty_book_does_not_pass(tmp_path):
    assert "there are no pages" in check_html(tmp_path)[0]
