"""What MyST says to the book, plain Markdown says to everybody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrecon.compendium.notebook.citations import reference
from petrecon.compendium.notebook.plain_text import generic, plain

BIB = """
@article{two, author = {Lange, K. and B{\\'e}que, D.}, title = {{EM}}, journal = {J}, volume = {8}, year = {1984}}
@article{many, author = {De Pierro, A. and Chen, B. and Wu, C.}, title = {T}, year = {1995}, doi = {10.1/x}}
@book{more, author = {Desikan, R. and others}, title = {B}, publisher = {P}, year = {2006}}
"""


@pytest.fixture(autouse=True)
def _book(project: Path) -> None:
    (project / "book" / "references.bib").write_text(BIB, encoding="utf-8")
    (project / "book" / "ledger.md").write_text("# The ledger\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("myst", "markdown"),
    [
        ("{doc}`01_toy` begins.", "[A toy notebook](01_toy.ipynb) begins."),
        ("{doc}`../chapters/01_toy`", "[A toy notebook](01_toy.ipynb)"),
        ("{doc}`this one <01_toy>`", "[this one](01_toy.ipynb)"),
        ("{doc}`../ledger`", "The ledger (a page of the book)"),
        ("{cite:p}`two`", "(Lange and Béque 1984)"),
        ("{cite:p}`two,many`", "(Lange and Béque 1984; [De Pierro et al. 1995](https://doi.org/10.1/x))"),
        ("{cite:t}`many`", "[De Pierro et al. (1995)](https://doi.org/10.1/x)"),
        ("{cite:p}`more`", "(Desikan et al. 2006)"),
        ("see {numref}`fig-a`, {numref}`tab-b` and {eq}`c`", "see the figure, the table and the equation"),
        ("{ref}`these words <somewhere>`", "these words"),
        ("{math}`x^2` and {sub}`2`", "$x^2$ and <sub>2</sub>"),
        ("(target)=\n# Title", "# Title"),
        ("$$x = 1$$ (eq-x)", "$$x = 1$$"),
        ("```{math}\n:label: eq-x\nx = 1\n```", "$$\nx = 1\n$$"),
        ("```{exercise} Why?\n:label: ex-a\n\nSay.\n```", "### Exercise: Why?\n\nSay."),
        (
            "```{solution} ex-a\n:class: dropdown\n\nAs {cite:t}`two`.\n```",
            "<details>\n<summary>Solution</summary>\n\nAs Lange and Béque (1984).\n\n</details>",
        ),
        ("```{solution-end}\n```\n\n## What next", "## What next"),
        (":::{admonition} Mind\n:class: note\n\nThis.\n:::", "> **Mind**\n>\n> This."),
        ("```{warning}\nThis.\n```", "> **Warning**\n>\n> This."),
        ("````{prf:algorithm} A\n\n```python\nx\n```\n````", "> **Algorithm: A**\n>\n> ```python\n> x\n> ```"),
        ("```{code-block} bash\nls\n```", "```bash\nls\n```"),
        ("```python\n{doc}`01_toy`\n```", "```python\n{doc}`01_toy`\n```"),
        ("plain *words*, $a_{b}$ and `code`", "plain *words*, $a_{b}$ and `code`"),
    ],
)
def test_every_role_and_directive_reads_as_plain_markdown(myst, markdown):
    assert plain(myst) == markdown
    assert plain(markdown) == markdown, "what is plain stays as it is"


def test_a_parameter_in_a_title_becomes_its_name():
    assert generic("# @SCANNER@ at dose @DOSE@") == "# `scanner` at dose `dose`"


def test_a_work_is_given_in_full_with_its_doi():
    assert reference("two") == "K. Lange, D. Béque: *EM*, J 8, 1984."
    assert reference("many").endswith("A. De Pierro, B. Chen, C. Wu: *T*, 1995. [doi:10.1/x](https://doi.org/10.1/x)")
    assert reference("more") == "R. Desikan et al.: *B*, P, 2006."
