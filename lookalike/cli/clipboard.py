"""The picture on the clipboard, read by the tool that the system has for it."""

from __future__ import annotations

import os
import shutil
import subprocess

from lookalike.cli.refused import RefusedError

NAME = "clipboard:"
"""What stands for the clipboard where a picture is named."""

SECONDS = 10.0
"""Time for the program that owns the clipboard to give its picture."""

TYPES = ("image/png", "image/jpeg", "image/webp", "image/tiff", "image/bmp")
"""Media types that are asked for, the first ones without loss."""

WAYLAND, X11, MAC = "wl-paste", "xclip", "pngpaste"


def read(max_bytes: int) -> bytes:
    """Return the picture on the clipboard as a file. Raises RefusedError where there is none, or no tool for it."""
    for command in _commands():
        try:
            answer = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RefusedError(f"the clipboard cannot be read: {error}") from error
        # a clipboard of text is given as text by some, whatever is asked for
        if answer.returncode == 0 and answer.stdout:
            if len(answer.stdout) > max_bytes:
                raise RefusedError(f"the clipboard has {len(answer.stdout):,} bytes, the limit is {max_bytes:,}")
            return answer.stdout
    raise RefusedError("there is no picture on the clipboard: copy one, or give its file")


def _commands() -> list[list[str]]:
    """Return the commands that print a picture of the clipboard, those of the session's own display first."""
    by_tool = {
        WAYLAND: [["--no-newline", "--type", kind] for kind in TYPES],
        X11: [["-selection", "clipboard", "-target", kind, "-out"] for kind in TYPES],
        MAC: [["-"]],
    }
    first = [WAYLAND, X11, MAC] if os.environ.get("WAYLAND_DISPLAY") else [X11, WAYLAND, MAC]
    for tool in first:
        path = shutil.which(tool)
        if path is not None:
            return [[path, *arguments] for arguments in by_tool[tool]]
    raise RefusedError(f"no program to read the clipboard: install one of {', '.join(first)}, or give a file")
