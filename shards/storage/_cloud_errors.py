"""What an error of the cloud client means in terms of the contract."""

from __future__ import annotations

import re

from shards.errors import ObjectNotFound, StorageError, Undecided

STATUS = re.compile(r"status code: (\d{3})")
XML = re.compile(r"<Code>(?P<code>.*?)</Code>.*?<Message>(?P<message>.*?)</Message>", re.DOTALL)

NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|specified bucket does not exist")
"""A 404 for want of a bucket is no missing object: a reader would take an index for empty."""

NO_CREDENTIALS = ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "MissingAccount")
"""The metadata servers are where the client looks for credentials last, and outside a cloud nobody answers."""

NO_ANSWER = re.compile(r"HTTP error: (?!builder error)")
"""What the client says of timeouts and broken connections. A request it could not even build stays as it is."""

UNTIMELY = frozenset({408, 409, 425, 429})
"""Besides 5xx, the statuses that ask to try again."""

AZURE_EXISTS = "BlobAlreadyExists"
"""Azure's 409 for a conditional put that lost. S3's 409 says instead that another one is under way."""

HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or give the machine or"
    " function a role that may get, put, list and delete here; for a profile of the AWS command line:"
    ' eval "$(aws configure export-credentials --format env)"',
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to the file of an account that may get, create, list and delete",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY of an account that may read, create,"
    " list and delete here, or another credential that the Azure client knows",
}


def translate(error: Exception, *, verb: str, name: str, url: str) -> StorageError:
    """The error to raise for one of the client's, after the client's own retries.

    A missing object is ObjectNotFound; conflicts, 5xx, timeouts and broken connections are Undecided; what will
    not get better by itself is StorageError.
    """
    text = str(error)
    code = status(text)
    failed = f"{name}: cannot {verb} in {url}: {_said(text)}"
    if code == 404 or isinstance(error, FileNotFoundError):
        if NO_BUCKET.search(text) or verb == "list":
            return StorageError(f"{failed}; create the bucket, or correct the URL")
        return ObjectNotFound(name, url)
    if code in (401, 403) or any(sign in text for sign in NO_CREDENTIALS):
        return StorageError(f"{failed}; {HINTS[url.partition(':')[0]]}")
    if code is None:
        return Undecided(failed) if NO_ANSWER.search(text) else StorageError(failed)
    return Undecided(failed) if code in UNTIMELY or code >= 500 else StorageError(failed)


def is_conflict(error: Exception) -> bool:
    """Whether "already exists" is only the client's word for a 409, which decides nothing."""
    text = str(error)
    return status(text) == 409 and AZURE_EXISTS not in text


def status(text: str) -> int | None:
    """The HTTP status in the client's words, or None where no answer came."""
    found = STATUS.search(text)
    return int(found[1]) if found else None


def _said(text: str) -> str:
    """The client's words in one line: what the store said where it said something, without the debug dump."""
    text = text.partition("\n\nDebug source")[0]
    xml = XML.search(text)
    if xml:
        return f"{status(text)} {xml['code']}: {xml['message']}"
    return " ".join(text.split())
