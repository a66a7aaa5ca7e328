"""The group of all commands, and their exit codes."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import Any

import click

from lookalike import __version__
from lookalike.cli.commands.add import add
from lookalike.cli.commands.calibrate import calibrate
from lookalike.cli.commands.compare import compare
from lookalike.cli.commands.completion import completion
from lookalike.cli.commands.copy import backup, copy, restore
from lookalike.cli.commands.create import create
from lookalike.cli.commands.duplicates import duplicates
from lookalike.cli.commands.evaluate import evaluate
from lookalike.cli.commands.export import export
from lookalike.cli.commands.import_ import import_
from lookalike.cli.commands.keys import list_, remove, show
from lookalike.cli.commands.maintain import collect, compact, reshard, stats
from lookalike.cli.commands.run import run
from lookalike.cli.commands.search import search
from lookalike.cli.commands.serve import serve
from lookalike.cli.commands.sync import sync
from lookalike.cli.commands.undo import undo
from lookalike.cli.commands.verify import verify
from lookalike.cli.output.output import note
from shards.errors import LookalikeError

TROUBLE, INTERRUPTED, CLOSED_PIPE = 2, 130, 141
"""Exit codes: 1 belongs to the commands ("nothing found", "something failed"); 130 and 141 are what shells report
for a process that SIGINT or SIGPIPE ended."""


class Notes(logging.Handler):
    """Shows warnings as a command shows everything that is not its output."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


class App(click.Group):
    """The group of all commands. Any error becomes one line on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except LookalikeError as error:
            note(str(error))
            ctx.exit(TROUBLE)
        except KeyboardInterrupt as interruption:
            note(str(interruption) or "interrupted; the index is whole, and what was reported as done is safe in it")
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # whoever read us has seen enough; the interpreter flushes once more at its end, into the void
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(CLOSED_PIPE)
        except OSError as error:
            note(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            ctx.exit(TROUBLE)
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which people need them, not of the alphabet."""
        del ctx
        return list(self.commands)


@click.group("lookalike", cls=App, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lookalike", message="%(prog)s %(version)s")
def app() -> None:
    """Find images that look like a given image.

    INDEX is where an index lives: a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix. It is
    nothing but files there; no server and no database has to run.

    On a terminal the answers are tables; into a pipe or with --json, one JSON object a line.

    \b
    lookalike add photos.index ~/Photos        index a folder
    lookalike search photos.index copy.jpg     what looks like this?
    lookalike duplicates photos.index          what is there more than once?
    lookalike serve photos.index               the same in a browser, and over HTTP

    'lookalike COMMAND --help' explains a command, with examples.
    """
    log = logging.getLogger("lookalike")
    # a service has a log, with times
    if not log.handlers and click.get_current_context().invoked_subcommand != serve.name:
        log.addHandler(Notes())


for command in (
    create,
    add,
    import_,
    sync,
    search,
    compare,
    duplicates,
    undo,
    evaluate,
    calibrate,
    serve,
    remove,
    list_,
    show,
    stats,
    compact,
    reshard,
    collect,
    verify,
    copy,
    backup,
    restore,
    export,
    run,
    completion,
):
    app.add_command(command)
