"""Translation of the cloud client's errors into those of the contract."""

from __future__ import annotations

import re

from shards.errors import ObjectNotFound, StorageError, Undecided

STATUS = re.compile(r"status code: (\d{3})")
XML = re.compile(r"<Code>(?P<code>.*?)</Code>.*?<Message>(?P<message>.*?)</Message>", re.DOTALL)

NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|specified bucket does not exist")
"""Matches a 404 for a missing bucket, which is no missing object: a reader would take the index for empty."""

NO_CREDENTIALS = ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "MissingAccount")
"""Signs that the client found no credentials: it asks the metadata servers last, which exist in a cloud only."""

NO_ANSWER = re.compile(r"HTTP error: (?!builder error)")
"""Matches timeouts and broken connections, but not a request that the client could not even build."""

UNTIMELY = frozenset({408, 409, 425, 429})
"""Statuses below 500 that ask to try again."""

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
    """Return the error to raise for one of the client's, after the client's own retries.

    A missing object is ObjectNotFound; conflicts, 5xx, timeouts and broken connections are Undecided; an error that
    another try will not mend is StorageError.
    """
    text = str(error)
    code = status(text)
    failed = f"{name}: cannot {verb} in {url}: {_summary(text)}"
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
    """Return True if "already exists" is only the client's word for a 409, which decides nothing."""
    text = str(error)
    return status(text) == 409 and AZURE_EXISTS not in text


def status(text: str) -> int | None:
    """Return the HTTP status in the client's message, or None where no answer came."""
    match = STATUS.search(text)
    return int(match[1]) if match else None


def _summary(text: str) -> str:
    """Return the client's message in one line: the store's own words where there are any, without the debug dump."""
    text = text.partition("\n\nDebug source")[0]
    xml = XML.search(text)
    if xml:
        return f"{status(text)} {xml['code']}: {xml['message']}"
    return " ".join(text.split())
