"""Check the built book: links and pictures lead somewhere, pictures are described, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_OTHERS = ("_static", "_sphinx_design_static", "_sources", "mathjax")


@dataclass
class _Page(HTMLParser):
    """What a page defines and refers to."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    pictures: list[tuple[str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img":
            hidden = given.get("aria-hidden") == "true" or given.get("role") == "presentation"
            self.pictures.append((given.get("src", ""), "decoration" if hidden else given.get("alt")))
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed") and given.get("src"):
            self.fetched.append(given["src"])
        rel = set(given.get("rel", "").split())
        if tag == "link" and rel & {"stylesheet", "preload", "prefetch", "icon", "modulepreload"}:
            self.fetched.append(given.get("href", ""))
        if "style" in given:
            self.fetched += _urls(given["style"])


def check_html(folder: Path) -> list[str]:
    """Return what is wrong with a built book, one line each; an empty list when nothing is.

    Parameters
    ----------
    folder : Path
        The folder of `index.html`.
    """
    files = [p for p in sorted(folder.rglob("*.html")) if not set(p.relative_to(folder).parts[:-1]) & set(_OTHERS)]
    if not files:
        return [f"there are no pages in {folder}"]
    pages = {path.resolve(): _read(path) for path in files}
    wrong = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        for link in page.links:
            wrong += [f"{name}: link to {link}: {why}" for why in _follow(path, link, pages)]
        for source in page.fetched:
            if _is_external(source):
                wrong.append(f"{name}: fetches {source}")
            else:
                wrong += [f"{name}: {source}: {why}" for why in _follow(path, source, pages)]
        for source, alt in page.pictures:
            if not (alt or "").strip():
                wrong.append(f"{name}: picture {source} has no alternative text")
            elif alt in (source, Path(source).name, Path(source).stem) or re.fullmatch(
                r"\S+\.(png|svg|jpe?g)", alt or ""
            ):
                wrong.append(f"{name}: picture {source} has a file name as alternative text")
    for path in sorted(folder.rglob("*.css")):
        external = [url for url in _urls(path.read_text(encoding="utf-8", errors="replace")) if _is_external(url)]
        wrong += [f"{path.relative_to(folder)}: fetches {url}" for url in external]
    return wrong


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _urls(css: str) -> list[str]:
    return re.findall(r"url\(\s*[\"']?([^\"')]+)", css) + re.findall(r"@import\s+[\"']([^\"']+)", css)


def _is_external(url: str) -> bool:
    return url.startswith("//") or urlsplit(url).scheme in ("http", "https", "ftp")


def _follow(page: Path, link: str, pages: dict[Path, _Page]) -> list[str]:
    """Return why a link from a page leads nowhere; nothing when it leads somewhere or out of the book."""
    parts = urlsplit(link)
    if parts.scheme or link.startswith("//") or link in ("", "#"):
        return []
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return ["there is no such file"]
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
        return [f"there is no #{parts.fragment}"]
    return []
