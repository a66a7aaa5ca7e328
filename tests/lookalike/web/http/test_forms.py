"""Forms: what they hold, and what they may cost."""

from __future__ import annotations

import io

import pytest

from lookalike.web.http.forms import CHUNK, FIELDS, TEXT_BYTES, File, read_multipart, read_urlencoded
from lookalike.web.http.problems import Problem

TYPE = "multipart/form-data; boundary=frontier"
FILE = b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="cat.jpg"\r\n\r\n'
END = b"\r\n--frontier--\r\n"


def text(name: bytes, value: bytes) -> bytes:
    return b'--frontier\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, value)


def multipart(body: bytes, *, max_files: int = 3, content_type: str = TYPE) -> list[tuple[str, str | File]]:
    return read_multipart(io.BytesIO(body), content_type, max_files=max_files)


def refused(body: bytes, **options: str) -> int:
    with pytest.raises(Problem) as caught:
        multipart(body, **options)  # type: ignore[arg-type]
    return caught.value.status


def test_fields_and_files_come_in_their_order() -> None:
    data = bytes(range(256)) * 3000
    read = multipart(text(b"a", b"1") + FILE + data + b"\r\n" + text(b"a", "é".encode()) + b"--frontier--\r\n")
    assert read == [("a", "1"), ("file", File(data, "cat.jpg")), ("a", "é")]


def test_a_file_may_hold_what_looks_like_the_beginning_of_a_delimiter() -> None:
    data = b"\r\n--front\r\n--" * CHUNK
    assert multipart(FILE + data + END) == [("file", File(data, "cat.jpg"))]


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "punycode", "utf-16"])
def test_text_is_utf8_whatever_its_sender_calls_it(charset: str) -> None:
    read = multipart(text(b"a", rb"+2AA-\ud800") + b"--frontier--\r\n", content_type=f"{TYPE}; charset={charset}")
    assert read == [("a", r"+2AA-\ud800")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(text(b"a", b"") * (FIELDS + 1), 400, id="fields"),
        pytest.param((FILE + b"\r\n") * 4, 400, id="files"),
        pytest.param(FILE + b"\r\n--frontierx" * (FIELDS + 10), 400, id="delimiters"),
        pytest.param(text(b"a", b"x" * (TEXT_BYTES + 2 * CHUNK)), 413, id="text"),
        pytest.param(b"\r\n" * (TEXT_BYTES + CHUNK), 413, id="blank lines before the first delimiter"),
        pytest.param(b"--frontier\r\n" + b"A: b\r\n" * 1000, 400, id="headers"),
        pytest.param(b"--frontier\r\nA: b\r\n\r\n", 400, id="a part without a name"),
        pytest.param(FILE + b"half of a file", 400, id="no end"),
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b"nonsense", 400, id="no form"),
    ],
)
def test_what_is_no_form_or_would_be_dear_to_read_is_refused(body: bytes, status: int) -> None:
    assert refused(body) == status


def test_blanks_after_a_delimiter_are_refused_before_they_are_dear() -> None:
    """By ours, or by an older parser that knows no blanks there."""
    assert refused(FILE + b"\r\n--frontier" + b" " * (TEXT_BYTES + 2 * CHUNK)) in (400, 413)


def test_a_form_needs_a_boundary() -> None:
    assert refused(FILE, content_type="multipart/form-data") == 400


def test_a_form_without_files() -> None:
    assert read_urlencoded(io.BytesIO(b"a=1&b=%C3%A9+x&c=&=&a=2")) == [
        ("a", "1"),
        ("b", "é x"),
        ("c", ""),
        ("", ""),
        ("a", "2"),
    ]


@pytest.mark.parametrize(
    ("body", "status"), [(b"&" * FIELDS, 400), (b"a=1&" * FIELDS, 400), (b"x" * (TEXT_BYTES + 1), 413)]
)
def test_empty_pairs_count_and_text_is_small(body: bytes, status: int) -> None:
    with pytest.raises(Problem) as caught:
        read_urlencoded(io.BytesIO(body))
    assert caught.value.status == status
