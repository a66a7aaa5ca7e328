"""A stand-in for the API of duplicates, with as many groups as a test wants: their pictures are one and the same.

It keeps marks, decisions and jobs as the server does; what a server makes of real pictures, test_duplicates asks one.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image
from playwright.sync_api import Page, Route

TIERS = ("identical", "same", "alike")
FACTS = ["pixels", "bytes", "folder"]


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 6), (40, 120, 90)).save(data, "PNG")
    return data.getvalue()


@dataclass
class Reviewed:
    """Groups of one head and one to three copies. `marks` are by key. `asked` are the requests, as method and path."""

    groups: int
    allowed: bool = True
    marks: dict[str, str] = field(default_factory=dict)
    decided: set[tuple[str, str]] = field(default_factory=set)
    left: list[dict[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def serve(self, page: Page) -> None:
        """Answer in the place of the server."""
        page.route("**/v1/duplicates/**", self._answer)
        picture = png()
        for kind in ("thumbnail", "content"):
            page.route(f"**/v1/images/{kind}?*", lambda route: route.fulfill(body=picture, content_type="image/png"))

    def keys(self, number: int) -> list[str]:
        return [f"album {number % 9}/{number:05}-{n}.jpg" for n in range(2 + number % 3)]

    def _card(self, number: int, n: int, key: str) -> dict[str, Any]:
        tier = TIERS[number % 2] if n else None
        return {
            "key": key,
            "width": 800 // (n + 1),
            "height": 600 // (n + 1),
            "sha256": f"{number:060x}{n:04x}",
            "added": "2026-03-01T10:00:00Z",
            "meta": {},
            "bytes": 100_000 // (n + 1),
            "format": "JPEG",
            "taken": "2019-05-03T12:00:01",
            "modified": "2019-05-03T10:00:01Z",
            "has_exif": n == 0,
            "folder": key.split("/")[0],
            "reachable": True,
            "tier": tier,
            "confirmed": True if tier == "same" else None,
            "score": 98.0 if n else None,
            "orientation": "as is",
            "differs": FACTS if n else [],
            "better": [],
            "mark": self.marks.get(key),
            "protected": False,
            "decision": "different" if (self.keys(number)[0], key) in self.decided else None,
        }

    def _group(self, number: int) -> dict[str, Any]:
        images = [self._card(number, n, key) for n, key in enumerate(self.keys(number))]
        return {"number": number, "tier": TIERS[number % 2], "images": images}

    def _review(self) -> dict[str, Any]:
        copies = sum(len(self.keys(number)) - 1 for number in range(self.groups))
        going = sum(mark == "remove" for mark in self.marks.values())
        return {
            "id": "r1",
            "state": "done",
            "phase": "done",
            "done": 1,
            "of": 1,
            "error": None,
            "is_current": True,
            "tiers": [
                {"tier": tier, "groups": self.groups // 2, "copies": copies // 2, "bytes": 50_000 * (copies // 2)}
                for tier in TIERS[:2]
            ],
            "groups": self.groups,
            "copies": copies,
            "bytes": 50_000 * copies,
            "images": 200_000,
            "unconfirmed": 0,
            "flat": 0,
            "marked": {"remove": going, "keep": len(self.marks) - going, "bytes": 50_000 * going},
            "default": {"tiers": ["identical", "same"], "keep": ["colour", "pixels", "bytes", "path"]},
            "files": {
                "allowed": self.allowed,
                "reason": None if self.allowed else "it was started with --read-only-files",
                "actions": ["trash", "folder", "delete"],
            },
        }

    def _listed(self, query: dict[str, list[str]]) -> dict[str, Any]:
        offset, limit = (int(query[name][0]) for name in ("offset", "limit"))
        tier, marked = (query.get(name, [""])[0] for name in ("tier", "marked"))
        numbers = [number for number in range(self.groups) if not tier or TIERS[number % 2] == tier]
        if marked:
            numbers = [number for number in numbers if any(key in self.marks for key in self.keys(number))]
        return {"total": len(numbers), "groups": [self._group(number) for number in numbers[offset : offset + limit]]}

    def _plan(self, action: str) -> dict[str, Any]:
        going = [key for key, mark in self.marks.items() if mark == "remove"]
        steps = [{"key": key, "bytes": 50_000, "kept": key[:-5] + "0.jpg"} for key in going[:100]]
        return {
            "plan": f"of {len(going)}",
            "action": action,
            "files": len(going),
            "bytes": 50_000 * len(going),
            "steps": steps,
            "refusals": [{"key": "x.jpg", "reason": "protected"}],
            "refused": 1,
        }

    def _job(self, kind: str) -> dict[str, Any]:
        going = sum(mark == "remove" for mark in self.marks.values())
        job = {
            "id": f"j{len(self.jobs)}",
            "kind": kind,
            "action": "trash",
            "state": "done",
            "done": going,
            "of": going,
            "files": going - len(self.left),
            "bytes": 50_000 * going,
            "left": self.left,
            "left_count": len(self.left),
            "log": "/home/you/log.jsonl",
            "can_undo": kind == "apply",
            "error": None,
        }
        self.jobs[str(job["id"])] = job
        return {**job, "state": "running", "done": 0}

    def _mark(self, marks: list[dict[str, Any]]) -> dict[str, Any]:
        for each in marks:
            if each["mark"] is None:
                self.marks.pop(each["key"], None)
            else:
                self.marks[each["key"]] = each["mark"]
        return {"marked": len(marks), "unmarked": 0}

    def _mark_review(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("clear"):
            self.marks.clear()
            return {"marked": 0, "unmarked": 0, "bytes": 0, "kept": 0}
        for number in range(self.groups):
            if TIERS[number % 2] in body["all_but_best"]["tiers"]:
                for key in self.keys(number)[1:]:
                    self.marks.setdefault(key, "remove")
        going = sum(mark == "remove" for mark in self.marks.values())
        return {"marked": going, "unmarked": 0, "bytes": 50_000 * going, "kept": self.groups}

    def _answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        path = url.path.partition("/v1/duplicates/")[2]
        body = json.loads(route.request.post_data or "null")
        self.asked.append((route.request.method, path, body))
        parts = path.split("/")
        answer: Any
        if parts[-1] == "groups":
            answer = self._listed(parse_qs(url.query))
        elif path == "marks":
            answer = self._mark(body["marks"])
        elif path == "decisions":
            pairs = {(a, b) for a, b in body["pairs"]}
            self.decided = self.decided | pairs if body["decision"] else self.decided - pairs
            answer = {"decided": len(pairs)}
        elif parts[-1] == "marks":
            answer = self._mark_review(body)
        elif parts[-1] == "plan":
            answer = self._plan(body["action"])
        elif parts[-1] == "apply":
            answer = self._job("apply")
        elif parts[-1] == "undo":
            answer = self._job("undo")
        elif parts[0] == "jobs":
            answer = self.jobs[parts[1]]
            self.marks.clear()
        else:
            answer = self._review()
        route.fulfill(status=200, body=json.dumps(answer), content_type="application/json")
