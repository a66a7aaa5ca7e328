"""`lookalike completion`."""

from __future__ import annotations

import click

from lookalike.cli.command import Command


@click.command(
    "completion",
    cls=Command,
    examples=(
        ("lookalike completion bash", "for ~/.local/share/bash-completion/completions/lookalike"),
        ("lookalike completion zsh", "for ~/.zfunc/_lookalike, where ~/.zfunc is in zsh's fpath"),
        ("lookalike completion fish", "for ~/.config/fish/completions/lookalike.fish"),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes commands, options, files, keys and families in a shell.

    The script goes where the shell looks for such scripts, as the examples say, or into a file that it reads when it
    starts: 'source <(lookalike completion bash)' tries it. It asks 'lookalike' itself, so it need not be made anew for
    a later version.
    """
    from lookalike.cli.completion import script

    click.echo(script(shell), nl=False)
