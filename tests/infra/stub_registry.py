"""A registry of npm packages as it looks some time after package-lock.json was written, on 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

NEWER = "9999.0.0"


class StubRegistry:
    """A server of stubs of what a lock file lists, and of a newer version of each. A context manager."""

    def __init__(self) -> None:
        registry = self
        self._versions: dict[str, dict[str, bytes]] = defaultdict(dict)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = registry.answer(unquote(self.path).lstrip("/"))
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> StubRegistry:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def newer_versions_offered(self) -> int:
        return sum(NEWER in versions for versions in self._versions.values())

    def publish(self, lock: dict[str, Any]) -> None:
        """Publish what the lock file lists, and newer versions; write the stubs' hashes into it."""
        for place, locked in lock["packages"].items():
            if place:
                name = locked.get("name") or place.rpartition("node_modules/")[2]
                manifest = {
                    key: locked[key] for key in ("bin", "engines", "os", "cpu", "dependencies") if key in locked
                }
                for version in (locked["version"], NEWER):
                    self._versions[name].setdefault(version, tarball(manifest | {"name": name, "version": version}))
                locked["integrity"] = integrity(self._versions[name][locked["version"]])

    def answer(self, path: str) -> bytes | None:
        """Return what is at a path: `NAME`, all versions of a package, or `NAME/-/VERSION.tgz`."""
        name, _, file = path.partition("/-/")
        versions = self._versions.get(name)
        if versions is None:
            return None
        if file:
            return versions[file.removesuffix(".tgz")]
        listed = {version: self._listed(name, version, packed) for version, packed in versions.items()}
        return json.dumps({"name": name, "dist-tags": {"latest": NEWER}, "versions": listed}).encode()

    def _listed(self, name: str, version: str, packed: bytes) -> dict[str, Any]:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            member = archive.extractfile("package/package.json")
            assert member is not None
            manifest: dict[str, Any] = json.loads(member.read())
        return manifest | {"dist": {"tarball": f"{self.url}/{name}/-/{version}.tgz", "integrity": integrity(packed)}}


def tarball(manifest: dict[str, Any]) -> bytes:
    """Return a package with nothing in it but its manifest and its programs."""
    programs = manifest.get("bin", {})
    files = {"package.json": json.dumps(manifest).encode()}
    files |= dict.fromkeys(programs.values() if isinstance(programs, dict) else [programs], b"")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for path, data in files.items():
            entry = tarfile.TarInfo(f"package/{path.removeprefix('./')}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def integrity(packed: bytes) -> str:
    """Return the hash of a tarball, as a lock file has it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(packed).digest()).decode()}"
