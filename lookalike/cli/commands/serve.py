"""`lookalike serve`."""

from __future__ import annotations

import logging
import os
import re
import shlex
import stat
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.command import (
    Command,
    index_argument,
    jobs_option,
    open_or_create,
    originals_option,
    output_options,
    size,
)
from lookalike.cli.interruption import Interruption
from lookalike.cli.output.human import count
from lookalike.cli.output.output import Output, note
from lookalike.cli.refused import RefusedError

if TYPE_CHECKING:
    from lookalike.web.http.access import Tokens

PORT = 5588
"""The port of IQDB, so that its clients find the server."""

DUPLICATES_SECONDS = 300.0
"""Time limit for finding duplicates: on their own machine, people have the patience."""

DUPLICATES_BYTES = 1 << 30
"""Limit on the signatures that are compared for duplicates: 4 million images by haar, which takes 7 GB of memory."""

MIN_SECRET = 16
"""Minimum length of LOOKALIKE_UPLOAD_SECRET: a shorter one could be guessed from an address that it signed."""

OTHERS = stat.S_IROTH | stat.S_IWOTH
"""Permissions that a file of tokens must not give to everybody."""

ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.IGNORECASE)


def origin(text: str) -> str:
    """Read the value of an option as an origin, in the form in which browsers send it."""
    if ORIGIN.fullmatch(text) is None:
        raise click.BadParameter(f"{text!r} is not an origin: give scheme and host, as in https://example.org")
    return text.lower()


def public_url(text: str) -> str:
    """Read the value of an option as the address of a service: an origin, perhaps with a path."""
    address = text.rstrip("/")
    if re.fullmatch(f"{ORIGIN.pattern}[^?#@\\s]*", address, re.IGNORECASE) is None:
        raise click.BadParameter(f"{text!r} is not the address of a service, as in https://example.org/pictures")
    return address


@click.command(
    "serve",
    cls=Command,
    examples=(
        ("lookalike serve photos.index --open", "search and add in the browser"),
        ("lookalike serve photos.index --host 0.0.0.0 --tokens tokens.txt", "for other machines, with tokens"),
        (
            "lookalike serve photos.index --tokens tokens.txt --public-read",
            "everybody may search, adding needs a token",
        ),
        ("lookalike serve s3://pictures/index --cache ~/.cache/lookalike --max-staleness 5", "from a bucket"),
        ("lookalike serve photos.index --port 0 --json", "for a script: the port is in what it prints"),
    ),
)
@index_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="The port; 0 takes a free one."
)
@click.option(
    "--tokens",
    "tokens_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Who may do what: a line 'TOKEN SCOPE [NAME]' each, SCOPE being read, write, admin or files. LOOKALIKE_TOKENS"
    " may hold the same lines. [default: everybody on this machine may do everything]",
)
@click.option("--public-read", is_flag=True, help="Searching needs no token.")
@click.option(
    "--any-local-user",
    is_flag=True,
    help="Without tokens, answer every user of this machine. [default: only the user who runs the server, and root,"
    " where the system tells who connects]",
)
@click.option(
    "--cors",
    "origins",
    type=origin,
    metavar="ORIGIN",
    multiple=True,
    help="Allow requests from web pages of this origin. Repeat it.",
)
@click.option(
    "--urls/--no-urls", default=True, help="Whether the server fetches pictures that are given by their address."
)
@click.option("--page/--no-page", default=True, help="Whether to serve the page for people at /.")
@click.option(
    "--read-only-files",
    is_flag=True,
    help="Never move, link or delete the files of duplicates. [default: this user may, on this machine]",
)
@click.option("--max-body", type=size, metavar="SIZE", help="Refuse larger requests. [default: 64MiB]")
@jobs_option
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    help="Calls of the index at once; others wait for their turn. [default: 32]",
)
@click.option(
    "--peer-connections",
    type=click.IntRange(1),
    help="Connections of one address at once; a proxy in front of the server may need more. [default: 256]",
)
@click.option(
    "--max-staleness",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="How long a search may miss images that others added. Each check of a bucket takes two requests. [default: 0]",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep what was read from a bucket in this folder, also for the next start.",
)
@click.option(
    "--root-path",
    default="",
    metavar="PATH",
    help="The prefix that a proxy in front of the server removes from the path.",
)
@click.option(
    "--public-url",
    type=public_url,
    metavar="URL",
    help="The address of the server as clients know it, for addresses of uploads. [default: they are told paths]",
)
@click.option(
    "--link",
    metavar="TEMPLATE",
    help="Make hits link to an address of their key and metadata, as https://en.wikipedia.org/wiki/{url}",
)
@click.option("--must-exist", is_flag=True, help="Refuse to make an index where there is none.")
@click.option("--access-log", is_flag=True, help="Print a line on stderr for every request.")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@originals_option
@output_options
def serve(
    address: str,
    host: str,
    port: int,
    tokens_file: Path | None,
    public_read: bool,
    any_local_user: bool,
    origins: tuple[str, ...],
    urls: bool,
    page: bool,
    read_only_files: bool,
    max_body: int | None,
    jobs: int | None,
    concurrency: int | None,
    peer_connections: int | None,
    max_staleness: float,
    cache: Path | None,
    root_path: str,
    public_url: str | None,
    link: str | None,
    must_exist: bool,
    access_log: bool,
    opens: bool,
    originals: tuple[str, ...],
    form: str | None,
) -> None:
    """Serve an index over HTTP: a page for people, the API v1, and the APIs of IQDB and Match.

    The index is created if there is none, unless it --must-exist. While it is served, fresh images are folded into
    segments, and old objects are deleted. Other commands and other servers can use it at the same time.

    Without tokens it answers the user who runs it only, on this machine, and no web page but its own. Ctrl-C and
    SIGTERM let requests finish that have begun, for at most 10 seconds.
    """
    import webbrowser

    from lookalike.index import Index
    from lookalike.links import LinkTemplate
    from lookalike.signatures.async_pool import AsyncProcessPool
    from lookalike.upkeep.background import Upkeep
    from lookalike.web import WebSettings, create_app
    from lookalike.web.http.access import refuse_unsafe_bind
    from lookalike.web.http.crowd import BY_PEER
    from lookalike.web.http.users import Users
    from lookalike.web.server import listen, run, url_of

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    out = Output.of(form)
    chosen: dict[str, Any] = {"max_body": max_body, "concurrency": concurrency}
    settings = WebSettings(
        tokens=_tokens(tokens_file, public_read=public_read),
        cors_origins=origins,
        urls=urls,
        page=page,
        public_url=public_url,
        files_reason=_why_no_files(host, read_only_files=read_only_files, any_local_user=any_local_user),
        link=None if link is None else LinkTemplate.of(link),
        upload_secret=_upload_secret(),
        duplicates_seconds=DUPLICATES_SECONDS,
        duplicates_bytes=DUPLICATES_BYTES,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    refuse_unsafe_bind(host, settings.tokens)
    with listen(host, port) as listening:
        kept, is_new = (Index.open(address), False) if must_exist else open_or_create(address)
        # merges read whole segments once: they bypass the cache
        index = Index.open(address, max_staleness=max_staleness, cache=cache) if cache or max_staleness else kept
        index.trust_originals(*originals)
        if is_new:
            note(
                f"there was no index at {index.url}: made a new one, which is empty, with signatures of"
                f" {', '.join(index.settings.families)}; --must-exist refuses that"
            )
        url = url_of(listening)
        images = index.count()

        def started() -> bool:
            if out.is_json:
                out.json({"status": "serving", "url": url, "index": index.url, "images": images})
            else:
                out.line(f"{url}  {count(images, 'image')} in {index.url}  (Ctrl-C stops)")
            out.flush()
            if opens:
                # in a thread: a browser in the terminal returns only when it is closed
                Thread(target=webbrowser.open, args=(url,), daemon=True).start()
            # False if a signal came before the server handled signals itself
            return not interruption

        with (
            Interruption() as interruption,
            closing(AsyncProcessPool.shared(index.settings, settings.picture_seconds, jobs)) as pool,
            Upkeep(kept),
        ):
            pool.start()
            app = create_app(index, settings, pool=pool)
            run(
                app,
                listening,
                started=started,
                root_path=root_path.rstrip("/"),
                access_log=access_log,
                by_peer=peer_connections or BY_PEER,
                users=Users.of_this_system() if settings.tokens.is_open and not any_local_user else None,
            )


def _why_no_files(host: str, *, read_only_files: bool, any_local_user: bool) -> str | None:
    """Return why the server does not touch files; None where it may: for this user, on this machine."""
    from lookalike.web.http.access import is_loopback

    if read_only_files:
        return "the server was started with --read-only-files"
    if any_local_user:
        return "the server answers every user of its machine"
    return None if is_loopback(host) else "the server answers other machines"


def _tokens(file: Path | None, *, public_read: bool) -> Tokens:
    """Return the tokens of the file and of LOOKALIKE_TOKENS."""
    from lookalike.web.http.access import Tokens

    texts = [read_private(file)] if file is not None else []
    texts += [text for text in [os.environ.get("LOOKALIKE_TOKENS")] if text]
    if not texts and not public_read:
        return Tokens.none()
    return Tokens.parse("\n".join(texts), public_read=public_read)


def read_private(file: Path) -> str:
    """Return the text of a file of tokens, unless every user of this machine can read or change it."""
    with file.open("rb") as opened:
        mode = os.fstat(opened.fileno()).st_mode
        if mode & OTHERS and all(folder.stat().st_mode & stat.S_IXOTH for folder in file.resolve().parents):
            raise RefusedError(
                f"{file}: every user of this machine can read or change it, and so has its tokens: run"
                f" 'chmod o= {shlex.quote(str(file))}', or mount the secret with mode 0400"
            )
        try:
            return opened.read().decode()
        except UnicodeDecodeError as error:
            raise RefusedError(f"{file}: is not a file of tokens: {error}") from error


def _upload_secret() -> bytes | None:
    """Return the key that signs upload addresses, if several servers of one index share one."""
    secret = os.environ.get("LOOKALIKE_UPLOAD_SECRET")
    if secret is not None and len(secret) < MIN_SECRET:
        raise RefusedError(
            f"LOOKALIKE_UPLOAD_SECRET has {len(secret)} characters: give {MIN_SECRET} or more, or none for a random one"
        )
    return secret.encode() if secret else None
