"""The `petrecon` command. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any, NoReturn

import click

from petrecon.errors import InputError, ParameterError, PetreconError, did_you_mean
from petrecon.profiles import PROFILES
from petrecon.stopping import stopping

_PROFILE = click.Choice(PROFILES)


class _Commands(click.Group):
    """Commands whose errors are one line: a user's mistake exits 2, a notebook that fails 1, no kernel at all 3."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:  # the help is shown
            return super().parse_args(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _say(ctx, error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            ctx.fail(f"there is no command {args[0]!r}.{did_you_mean(args[0], self.commands)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with stopping():
                return super().invoke(ctx)
        except click.UsageError as error:
            _say(ctx, error)
        except PetreconError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except OSError as error:
            from petrecon.compendium.runs.disk import cure_of

            if (cure := cure_of(error)) is None:
                raise
            click.echo(f"error: {cure}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt as error:
            click.echo("stopped; finished runs are kept", err=True)
            ctx.exit(128 + getattr(error, "signal", signal.SIGINT))


def _say(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """Tell what is wrong with the words of a command in one line, and exit 2."""
    told = " ".join(error.format_message().split())
    click.echo(f"error: {told[:1].lower()}{told[1:]}", err=True)
    ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="petrecon", message="petrecon %(version)s")
def main() -> None:
    """Run the compendium's notebooks, check what they made, and build the book.

    \b
    petrecon doctor                                  is everything here, and what is missing
    petrecon list                                    the notebooks and what each costs
    petrecon run 03 --scanner hrrt --dose 0.25       one notebook, with other parameters
    petrecon reproduce --profile quick               everything, then the book
    """  # noqa: D301


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="The whole run matrix, for a workflow engine.")
@click.option("--profile", type=_PROFILE, default="quick", show_default=True)
def list_command(as_json: bool, profile: str) -> None:
    """List the notebooks, their parameters and what their last runs cost.

    With --json, print every run of data/runs.yml: notebook, parameters, needs, command, outputs, state.
    """
    from petrecon.compendium.runs.listing import as_records, as_text

    click.echo(json.dumps(as_records(profile), indent=1) if as_json else as_text(profile))


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    options_metavar="[--NAME VALUE]...",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="NOTEBOOK [--NAME VALUE]...")
@click.option("--force", is_flag=True, help="Run even when nothing changed.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--wait", is_flag=True, help="Wait when another process is writing the same page.")
@click.option("--help-parameters", is_flag=True, help="Show what this notebook takes.")
def run(words: tuple[str, ...], force: bool, quiet: bool, wait: bool, help_parameters: bool) -> None:
    """Run one notebook: check its parameters, execute it, and keep its pages and numbers in book/runs.

    NOTEBOOK is a number, a name, or its beginning. Any parameter of the notebook is an option; --profile
    (quick, laptop or paper) always is. Nothing is executed when nothing changed since the last run.

    \b
    petrecon run 03
    petrecon run 03 --scanner hrrt --dose 0.25 --profile laptop
    petrecon run 03 --anatomy my_labels.nii.gz --seed 7 --force
    petrecon run 03 --anatomy my_atlas.nii.gz --label-table my_atlas.csv
    """  # noqa: D301
    notebook, given = _parse(words)
    if help_parameters:
        from petrecon.compendium.runs.listing import parameters_text

        click.echo(parameters_text(notebook))
        return
    from petrecon.compendium.runs.run import plan

    planned = plan(notebook, given)
    from petrecon.compendium.runs.runner import make_run

    done, receipt = make_run(planned, force=force, quiet=quiet, wait=wait)
    what = f"{receipt['duration_s']:g} s, {receipt['peak_memory_mib']} MiB" if done else "fresh, not run again"
    click.echo(f"{planned.path('notebook')}  ({what})")


def _parse(words: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Split `03 --dose 0.25 --seed=7` into the notebook and its parameters."""
    notebooks, given, rest = [], {}, list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            notebooks.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and not rest:
            raise ParameterError(f"--{name} needs a value")
        if name in given:
            raise ParameterError(f"--{name} is given twice")
        given[name.replace("-", "_")] = value if equals else rest.pop(0)
    if len(notebooks) != 1:
        got = f"got {', '.join(notebooks)}" if notebooks else "got none (`petrecon list` shows them)"
        raise InputError(f"name one notebook to run: {got}")
    return notebooks[0], given


@main.command()
@click.argument("path", metavar="MAP.nii.gz")
@click.option("--label-table", metavar="TABLE.csv", help="What the numbers mean; FreeSurfer's by default.")
@click.option("--out", type=click.Path(dir_okay=False), metavar="PICTURE.png", help="Draw its tissues in three planes.")
def labels(path: str, label_table: str | None, out: str | None) -> None:
    """Show what is understood of a label map of your own: regions and volume by tissue, and a picture.

    \b
    petrecon labels my_atlas.nii.gz --label-table my_atlas.csv --out my_atlas.png
    """  # noqa: D301
    from petrecon.phantoms.label_picture import describe_labels

    click.echo(describe_labels(path, label_table, out))


@main.command()
@click.option("--profile", type=_PROFILE, help="One profile only.")
def verify(profile: str | None) -> None:
    """Check every receipt: re-hash sources, code, data and outputs, and say which runs are stale and why.

    Notes do not count: other versions of packages, and weights that are not of their card and code.
    Exits 1 when any run is not fresh.
    """
    from petrecon.compendium.runs.receipts import verify as check
    from petrecon.provenance.weight_receipts import describe, shipped

    found = check(profile)
    for folder, stem, state in found:
        click.echo(f"{folder}/{stem}: {state.with_notes()}")
    for weights in shipped():
        if told := describe(weights):
            click.echo(f"weights/{weights.stem}: {told}")
    bad = sum(state.state != "fresh" for _, _, state in found)
    click.echo(f"{len(found)} runs, {len(found) - bad} fresh, {bad} not")
    sys.exit(1 if bad else 0)


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a pair is out of date.")
def pairs(check: bool) -> None:
    """Write notebooks/*.ipynb from notebooks/*.py (for Jupyter and papermill; they hold no outputs)."""
    from petrecon.compendium.notebook.pairs import sync_pairs

    behind = sync_pairs(check)
    for path in behind:
        click.echo(f"{'out of date' if check else 'written'}: {path}")
    if check and behind:
        click.echo("error: run `petrecon pairs` and commit the result", err=True)
        sys.exit(1)


@main.command()
@click.option("--profile", type=_PROFILE, default="quick", show_default=True)
@click.option("--only", metavar="NOTEBOOK", help="One notebook, and the runs it needs.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Runs at a time.")
def reproduce(profile: str, only: str | None, workers: int) -> None:
    """Make every run that is stale or missing, then the ledger, then the book.

    Finished runs are kept: started again, it goes on where it stopped. A run that fails does not stop those
    that do not need it; the command then exits 1.

    \b
    petrecon reproduce
    petrecon reproduce --profile laptop --only 03
    """  # noqa: D301
    from petrecon.compendium.book.reproduce import reproduce as all_runs

    all_runs(profile, only, workers)


@main.command()
@click.option("--profile", type=_PROFILE, default="quick", show_default=True)
def book(profile: str) -> None:
    """Build the book from the runs that exist; pages that were not run say which command makes them."""
    from petrecon.compendium.book.build import build
    from petrecon.compendium.book.ledger import broken, write_ledger

    for line in broken(write_ledger(profile)):
        click.echo(f"not counted: {line}", err=True)
    click.echo(build(profile))


@main.command()
@click.argument("first", type=click.Path(exists=True, dir_okay=False))
@click.argument("second", type=click.Path(exists=True, dir_okay=False))
@click.option("--out", type=click.Path(file_okay=False), help="Folder for difference maps; beside SECOND by default.")
def compare(first: str, second: str, out: str | None) -> None:
    """Compare two executed notebooks: parameters, numbers (with intervals), and images both kept.

    \b
    petrecon compare book/runs/{laptop,quick}/03_counts__hrrt__dose1.ipynb
    """  # noqa: D301
    from pathlib import Path

    from petrecon.compendium.book.compare import compare_runs

    click.echo(compare_runs(Path(first), Path(second), Path(out) if out else None))


@main.command()
@click.argument("name", required=False)
def train(name: str | None) -> None:
    """Train the weights of a card in data/training; without NAME, list them and what each cost.

    An interrupted training resumes. The weights and their receipt are written to data/weights.

    \b
    petrecon train score-fdg
    """  # noqa: D301
    from petrecon import train_by_name

    if name is None:
        for line in train_by_name.listing():
            click.echo(line)
    else:
        click.echo(train_by_name.train(name))


@main.command()
def doctor() -> None:
    """Say what is here, what is missing, and how to get it. Exits 1 when something required is missing."""
    from petrecon.compendium.runs.doctor import examine

    found = examine()
    for check in found:
        click.echo(check.line())
    sys.exit(0 if all(check.ok or not check.required for check in found) else 1)


if __name__ == "__main__":
    main()
