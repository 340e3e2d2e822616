"""`lucency fetch`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.printing import PrintingTeller, table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(fetch)


def fetch(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A known name, kaggle:OWNER/NAME, a URL, or an archive that lies here.", show_default=False
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Folder for the data.", show_default=False)] = None,
    sha256: Annotated[str | None, typer.Option(help="What the archive should be.", show_default=False)] = None,
    md5: Annotated[
        str | None, typer.Option(help="As --sha256; finds damage, but not malice.", show_default=False)
    ] = None,
    max_files: Annotated[int, typer.Option(min=1, help="Most files that an archive may hold.")] = 500_000,
    max_size: Annotated[float, typer.Option(min=0.001, help="Most gigabytes that it may unpack to.")] = 200,
    max_ratio: Annotated[float, typer.Option(min=1, help="Most bytes unpacked for each byte of the archive.")] = 100,
    list_: Annotated[bool, typer.Option("--list", help="List the data sets that are known by name.")] = False,
) -> None:
    """Fetch a data set and unpack it, or unpack an archive that lies here.

    Licence and source are shown before anything is fetched, and written beside the data. Ctrl-C leaves what the
    same command continues.
    """
    if list_:
        _print_known()
        return
    if source is None or to is None:
        raise typer.BadParameter("give SOURCE and --to DIR, or --list")
    from lucency.datasets.archive_budget import Limits
    from lucency.workflows.fetch import fetch as fetch_data

    limits = Limits(files=max_files, size=int(max_size * 10**9), ratio=max_ratio)
    with PrintingTeller() as teller:
        fetched = fetch_data(source, to, sha256=sha256, md5=md5, limits=limits, teller=teller)
    files = f"{fetched.files:,} file{'' if fetched.files == 1 else 's'}"
    if fetched.already:
        print(f"Nothing to do: {fetched.folder} holds these data already, {files} ({fetched.note.name})")
    else:
        print(f"{files} in {fetched.folder}")
        if fetched.nested:
            print(f"Archives within, left as they are: {len(fetched.nested)}, such as {fetched.nested[0]}")
        print(f"Licence and source: {fetched.note}")
    print(f"Next: lucency scan {shlex.quote(str(fetched.films))}")


def _print_known() -> None:
    from lucency.datasets.sources import KNOWN_DATASETS

    rows = [
        (name, "by hand" if row.by_hand else "Kaggle" if row.kaggle else "HTTP", row.licence, row.title)
        for name, row in KNOWN_DATASETS.items()
    ]
    print(table(("name", "fetched", "licence", "what it is"), rows))
