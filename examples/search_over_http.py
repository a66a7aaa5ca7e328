"""Search a server for pictures, with nothing but the standard library.

    lookalike serve photos.index
    python examples/search_over_http.py demo/postcard.jpg
    LOOKALIKE_TOKEN=… python examples/search_over_http.py copy.jpg --server https://similar.example.org

Shows a client of the HTTP API: how a picture is sent, how a token is, what an answer holds, how a refusal reads, and
what to do when the server is busy. `lookalike` need not be installed where this runs. docs/api.md describes the API.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ATTEMPTS = 5
TOO_MANY_REQUESTS = 429


class Refused(Exception):
    """A refusal of the server: `code` is one word for programs, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def search(server: str, picture: bytes, token: str | None = None, **options: str) -> list[dict[str, Any]]:
    """Return the hits for an encoded picture, best first. Raises Refused.

    `options`: of the search, as docs/api.md lists them, such as `family="dhash"` and `max_distance="10"`.
    """
    headers = {"Content-Type": "application/octet-stream"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = Request(f"{server.rstrip('/')}/v1/search?{urlencode(options)}", picture, headers)  # noqa: S310
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urlopen(request) as response:  # noqa: S310 - the server is one that the user names
                answers = json.load(response)["answers"]
        except HTTPError as error:
            with error:
                if error.code == TOO_MANY_REQUESTS and attempt < ATTEMPTS:
                    # the server says how long it wants to be left alone
                    time.sleep(float(error.headers.get("Retry-After", 1)))
                    continue
                # every refusal of the API is a problem document
                problem = json.load(error)
            raise Refused(problem["code"], f"{problem['title']}: {problem['detail']}") from error
        # there is an answer for each question, and this was one
        hits: list[dict[str, Any]] = answers[0]["hits"]
        return hits
    raise AssertionError("the last attempt returns or raises")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--server", default="http://127.0.0.1:5588")
    given = parser.parse_args()

    failed = False
    for path in given.pictures:
        try:
            hits = search(
                given.server, path.read_bytes(), os.environ.get("LOOKALIKE_TOKEN"), orientations="true", limit="3"
            )
        except Refused as error:
            print(f"{path.name}: {error} ({error.code})", file=sys.stderr)
            failed = True
            continue
        except URLError as error:
            sys.exit(f"{given.server} does not answer: {error.reason}")
        print(f"{path.name} is most like")
        for hit in hits:
            print(f"    {hit['score']:5.1f}  {hit['key']}  {hit['orientation']}  {hit['width']} x {hit['height']}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
