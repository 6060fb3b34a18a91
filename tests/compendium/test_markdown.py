"""Text of a run stands on the page as it is, whatever Markdown would make of it."""

import pytest
from markdown_it import MarkdownIt
from myst_parser.config.main import MdParserConfig
from myst_parser.mdit_to_docutils.base import DocutilsRenderer
from myst_parser.parsers.mdit import create_md_parser

from petrecon.compendium.book.markdown import escape


@pytest.mark.parametrize(
    "text", ["%", "% of all", "a_b*c", "[x](y)", "$p$", "<b>", "# no heading", "1 | 2", "~x~", "`c`"]
)
def test_escaped_text_is_shown_as_it_is(text):
    parser: MarkdownIt = create_md_parser(MdParserConfig(), DocutilsRenderer)
    tokens = parser.parse(f"- {escape(text)}\n")
    assert [t.type for t in tokens].count("inline") == 1
    shown = "".join(child.content for t in tokens if t.type == "inline" for child in t.children)
    assert shown == text
