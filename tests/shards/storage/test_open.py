"""Which URL opens which store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shards.errors import StorageError
from shards.storage import open_store


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)


def test_a_path_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for url, path in {
        "index": "index",
        "./a/index": "a/index",
        "a:b": "a:b",
        "~/index": "home/index",
        str(tmp_path / "index"): "index",
        f"file://{tmp_path}/index": "index",
        f"file://localhost{tmp_path}/my%20index": "my index",
        f"FILE://{tmp_path}/index": "index",
    }.items():
        assert open_store(url).url == str(tmp_path / path)


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/an/index/", "s3://bucket/an/index"),
        ("s3://bucket/env=prod/my index", "s3://bucket/env=prod/my index"),
        ("S3://bucket/index", "s3://bucket/index"),
        ("gs://bucket/index", "gs://bucket/index"),
        ("az://container/index", "az://container/index"),
        ("memory://index", "memory://index"),
        ("memory://", "memory://"),
    ],
)
def test_a_store_knows_its_url(url: str, called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    assert open_store(url).url == called


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://host/path", "no kind of store is called 'ftp'; there are a folder, file://"),
        ("https://bucket.s3.amazonaws.com/index", "no kind of store is called 'https'"),
        ("s3:bucket", "s3:bucket: no kind of store"),
        ("memory:name", "memory:name: no kind of store"),
        ("s3://", "is s3://bucket or s3://bucket/prefix"),
        ("s3:///index", "is s3://bucket or s3://bucket/prefix"),
        ("s3://bucket/index?versionId=1", "is s3://bucket or s3://bucket/prefix"),
        ("s3://bucket/a//b", "is s3://bucket or s3://bucket/prefix"),
        ("s3://bucket/a/../b", "illegal character sequence"),
        ("s3://key:secret@bucket/index", "is s3://bucket or s3://bucket/prefix"),
        ("gs://", "is gs://bucket or gs://bucket/prefix"),
        ("az://container", "Account must be specified; set AZURE_STORAGE_ACCOUNT_NAME"),
        ("file://elsewhere/path", "a file URL is file:///path"),
        ("file:///path?query", "a file URL is file:///path"),
        ("file://", "this is no path"),
        ("", "this is no path"),
        ("a\0b", "this is no path"),
        ("~nobody-of-this-name/index", "write the path out"),
    ],
)
def test_a_url_that_is_no_store_is_told_why(url: str, problem: str) -> None:
    with pytest.raises(StorageError) as raised:
        open_store(url)
    assert problem in str(raised.value)


def test_an_endpoint_without_a_scheme_is_told_which_variable_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL is 'localhost:9000', and has to begin with http://"):
        open_store("s3://bucket/index")


def test_a_cloud_client_is_loaded_only_for_a_cloud(tmp_path: Path) -> None:
    code = (
        "import sys; from shards.storage import open_store;"
        f"open_store({str(tmp_path)!r}).create('a', b''); open_store('memory://').create('a', b'');"
        "print('obstore' in sys.modules); open_store('s3://bucket'); print('obstore' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["False", "True"]
