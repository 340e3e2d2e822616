"""The `lucency` command: gathers the groups of commands, and turns errors into one line and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lucency._version import __version__
from lucency.cli import (
    auditing,
    carding,
    comparing,
    cross_validating,
    data,
    evaluating,
    fetching,
    importing,
    models,
    predicting,
    recalibrating,
    searching,
    serving,
    stressing,
    system,
    training,
)
from lucency.errors import LucencyError, ResourceError

EPILOG = """Exit codes: 0 done; 1 other error; 2 wrong usage; 3 a film cannot be used; 4 data set; 5 recipe; 6 bundle;
7 missing extra; 8 disk or memory; 9 run; 10 findings under --strict or --fail-on; 130 interrupted.
Research use only. Not a medical device."""

app = typer.Typer(
    name="lucency",
    help="Bone-fracture detection on X-ray films: train, measure honestly, predict.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for group in (
    fetching,
    data,
    auditing,
    training,
    searching,
    cross_validating,
    evaluating,
    comparing,
    stressing,
    carding,
    importing,
    models,
    predicting,
    recalibrating,
    serving,
    system,
):
    group.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"lucency {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the console script."""
    debug = "--debug" in sys.argv
    try:
        code = app(standalone_mode=False)
    except LucencyError as error:
        if debug:
            raise
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if debug:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"Error: {place}{error.strerror or error}", file=sys.stderr)
        sys.exit(ResourceError.exit_code)
    except Exception as error:
        shown = _usage_error(error)
        if shown is not None:
            sys.exit(shown)
        if debug:
            raise
        print(
            f"Error: {type(error).__name__}: {' '.join(str(error).split())[:300]} (run with --debug for the traceback)",
            file=sys.stderr,
        )
        sys.exit(1)
    if code == 130:
        # Typer turns Ctrl-C into this code and says nothing.
        print("Interrupted.", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _usage_error(error: Exception) -> int | None:
    show = getattr(error, "show", None)
    exit_code = getattr(error, "exit_code", None)
    if callable(show) and isinstance(exit_code, int):
        show()
        return exit_code
    if isinstance(exit_code, int):
        return exit_code
    return 1 if type(error).__name__ == "Abort" else None
