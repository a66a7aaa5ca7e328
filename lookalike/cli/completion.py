"""Completion in shells: what can stand where the cursor is. The scripts for the shells call the command for it.

click completes names of commands, options and choices. Of an argument that is any text it knows nothing, and its
scripts then keep the shell from completing names of files. So it is said here which are files, keys and families.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from lookalike.cli import COMPLETING
from lookalike.cli.commands.compare import KEY

LOOKED_AT = 20_000
"""Images of an index whose keys are looked at: as many as can be read while somebody waits for the key to work."""

OFFERED = 200
"""Keys that are offered, which is more than anybody reads."""

ANY_TEXT = "text"
"""click's name of the type of parameters of which it knows nothing."""

FILES = frozenset({"--index", "--originals", "--cache", "--sheet"})
"""Options whose values are files or folders."""

SCRIPT = r"""%(complete_func)s() {
    local line value
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            file,*) compopt -o default 2>/dev/null ;;
            dir,*) compopt -o dirnames 2>/dev/null ;;
            plain,*) printf -v value %%q "${line#plain,}"; COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_TYPED="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o bashdefault -o default -o nosort -F %(complete_func)s %(prog_name)s
"""
"""For bash 4.4 and later. Where nothing is known, bash completes names of files as ever."""


class Completing(ShellComplete):
    """A shell's completion that knows what our arguments are."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return what can stand in the place of `incomplete`, after these words."""
        from click.shell_completion import _resolve_context, _resolve_incomplete

        context = _resolve_context(self.cli, self.ctx_args, self.prog_name, args)
        found, incomplete = _resolve_incomplete(context, args, incomplete)
        if isinstance(found, click.Parameter) and found.type.name == ANY_TEXT:
            # an option that still lacks its value keeps click from reading the arguments before it
            whole = _resolve_context(self.cli, self.ctx_args, self.prog_name, args[:-1])
            address = context.params.get("address") or whole.params.get("address")
            return list(_texts(address, found, incomplete))
        return found.shell_complete(context, incomplete)


class Bash(Completing, BashComplete):
    """That of bash, which splits words at colons and equal signs."""

    source_template = SCRIPT

    def source(self) -> str:
        """Return the script, without asking which bash there is: it may be for another machine."""
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one that it is in."""
        typed = os.environ["COMP_TYPED"]
        words = split_arg_string(typed)[1:]
        return (words, "") if typed[-1:].isspace() else (words[:-1], "".join(words[-1:]))

    def complete(self) -> str:
        """Return the lines for the script: of each completion the part behind the last colon that was typed."""
        args, incomplete = self.get_completion_args()
        typed = len(incomplete) - len(incomplete.rpartition(":")[2])
        items = self.get_completions(args, incomplete)
        return "\n".join(f"{item.type},{str(item.value)[typed if item.type == 'plain' else 0 :]}" for item in items)


class Zsh(Completing, ZshComplete):
    """That of zsh."""


class Fish(Completing, FishComplete):
    """That of fish, whose keys may have commas."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


SHELLS: dict[str, type[Completing]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def register() -> None:
    """Let the command answer the scripts of these shells."""
    for kind in SHELLS.values():
        add_completion_class(kind)


def script(shell: str) -> str:
    """Return the script that turns completion on in this shell."""
    return SHELLS[shell](click.Group(), {}, "lookalike", COMPLETING).source()


def _texts(address: str | None, found: click.Parameter, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Yield completions of a parameter of which click knows nothing."""
    if "--family" in found.opts:
        from shards import families

        yield from (CompletionItem(name) for name in ("auto", *families.names()) if name.startswith(incomplete))
    elif found.name in ("key", "keys"):
        yield from _keys(address, incomplete)
    elif isinstance(found, click.Argument) or not FILES.isdisjoint(found.opts):
        if incomplete.startswith(KEY):
            yield from _keys(address, incomplete.removeprefix(KEY), KEY)
        yield CompletionItem(incomplete, type="file")


def _keys(address: str | None, incomplete: str, before: str = "") -> Iterator[CompletionItem[str]]:
    """Yield keys of an index in a folder that begin so; of one elsewhere none, since that would take its time."""
    from lookalike.index import Index
    from shards.errors import LookalikeError
    from shards.storage.originals import is_url

    if address is None or is_url(address):
        return
    try:
        keys = [image.key for image in Index.open(address).list(limit=LOOKED_AT)]
    except LookalikeError:
        return
    wanted = (key for key in sorted(keys) if key.startswith(incomplete) and key.isprintable())
    yield from (CompletionItem(before + key) for key in islice(wanted, OFFERED))
