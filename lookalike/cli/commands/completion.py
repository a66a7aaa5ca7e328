"""`lookalike completion`."""

from __future__ import annotations

import click

from lookalike.cli.command import Command


@click.command(
    "completion",
    cls=Command,
    examples=(
        ("lookalike completion bash >> ~/.local/share/bash-completion/completions/lookalike", "for good, in bash"),
        ("lookalike completion zsh > ~/.zfunc/_lookalike", "in zsh, where ~/.zfunc is in its fpath"),
        ("lookalike completion fish > ~/.config/fish/completions/lookalike.fish", "in fish"),
        ("lookalike completion bash", "look at the script; 'source <(lookalike completion bash)' tries it"),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes commands, options, files, keys and families in a shell.

    The script goes where the shell looks for such scripts, or into a file that it reads when it starts. It asks
    'lookalike' itself, so it need not be made anew for a later version.
    """
    from lookalike.cli.completion import script

    click.echo(script(shell), nl=False)
