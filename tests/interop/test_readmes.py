"""The examples of each original's README and documentation, in their new form: what they show, happens.

Shell commands are the originals', but for the port and the name of the picture. The READMEs are those of danbooru/iqdb,
ProvenanceLabs/image-match (docs/source), dsys/match, KDJDEV/probable-octo-chainsaw (the reverse Wikipedia) and
xh-xia/local-reverse-image-search.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageOps

from lookalike import Index
from lookalike.image_match import SignatureES
from lookalike.image_match.goldberg import ImageSignature
from tests.lookalike.cli.running import lines, run
from tests.lookalike.cli.serving import Server, serving
from tests.lookalike.image_match.addresses import served

PICTURES = Path(__file__).parents[2] / "demo" / "pictures"
INTEROP = Path(__file__).parent


def encoded(picture: Image.Image, quality: int = 80) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


class Shell:
    """A shell in a folder with test.jpg, in which curl asks a server."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        shutil.copy(PICTURES / "cat.jpg", folder / "test.jpg")

    def curl(self, command: str) -> Any:
        """Return the JSON that a command of the README prints."""
        asked = command.replace("http://localhost:5588", self.server.url)
        done = subprocess.run(
            ["bash", "-c", asked.replace("curl ", "curl -sS ", 1)], cwd=self.folder, capture_output=True, check=True
        )
        return json.loads(done.stdout)


@pytest.mark.outside
class TestIqdb:
    @pytest.fixture
    def shell(self, tmp_path: Path) -> Iterator[Shell]:
        assert run("create", tmp_path / "iqdb.index", "--family", "haar").exit_code == 0
        with serving(tmp_path / "iqdb.index") as server:
            yield Shell(tmp_path, server)

    def test_quickstart_and_usage(self, shell: Shell) -> None:
        assert shell.curl("curl http://localhost:5588/status") == {"images": 0}

        # the numbers of a signature are in an answer only on request: docs/dialects.md
        added = shell.curl("curl -F file=@test.jpg 'http://localhost:5588/images/1234?signature=1'")
        assert added.keys() == {"hash", "post_id", "signature"}
        assert added["post_id"] == 1234
        assert added["hash"].startswith("iqdb_")
        assert len(added["hash"]) == len("iqdb_") + 528
        assert [len(channel) for channel in added["signature"]["sig"]] == [40, 40, 40]
        assert len(added["signature"]["avglf"]) == 3

        (hit,) = shell.curl("curl -F file=@test.jpg 'http://localhost:5588/query?limit=10&signature=1'")
        assert hit.keys() >= {"hash", "post_id", "score", "signature"}
        assert (hit["post_id"], hit["hash"]) == (1234, added["hash"])
        assert hit["score"] == pytest.approx(100)
        assert hit["signature"] == added["signature"]

        assert shell.curl("curl -X DELETE http://localhost:5588/images/1234") == {"post_id": 1234}
        assert shell.curl("curl -F file=@test.jpg http://localhost:5588/query") == []


@pytest.mark.outside
class TestMatch:
    @pytest.fixture
    def shell(self, tmp_path: Path) -> Iterator[Shell]:
        index = tmp_path / "match.index"
        made = run("create", index, "--family", "goldberg", "--exif", "ignore", "--alpha", "drop", "--depth", "clip")
        assert made.exit_code == 0
        with serving(index) as server:
            yield Shell(tmp_path, server)

    def test_every_request_of_the_api(self, shell: Shell) -> None:
        def ok(method: str, result: list[Any]) -> dict[str, Any]:
            return {"status": "ok", "error": [], "method": method, "result": result}

        url = "http://localhost:5588"
        turned = Image.open(PICTURES / "cat.jpg").transpose(Image.Transpose.ROTATE_90)
        (shell.folder / "turned.jpg").write_bytes(encoded(turned))

        assert shell.curl(f"curl {url}/ping") == ok("ping", [])
        add = f"""curl -F image=@test.jpg -F filepath=zoo/cat.jpg -F 'metadata={{"album": "zoo"}}' {url}/add"""
        assert shell.curl(add) == ok("add", [])
        assert shell.curl(f"curl {url}/count") == ok("count", [1])
        assert shell.curl(f"curl '{url}/list?offset=0&limit=20'") == ok("list", ["zoo/cat.jpg"])

        for asked, more in (("test.jpg", ""), ("turned.jpg", ""), ("test.jpg", "-F all_orientations=false")):
            (hit,) = shell.curl(f"curl -F image=@{asked} {more} {url}/search")["result"]
            assert (hit["filepath"], hit["metadata"]) == ("zoo/cat.jpg", {"album": "zoo"})
            assert hit["score"] > 95
        assert shell.curl(f"curl -F image=@turned.jpg -F all_orientations=false {url}/search") == ok("search", [])

        same = shell.curl(f"curl -F image1=@test.jpg -F image2=@test.jpg {url}/compare")
        assert same == ok("compare", [{"score": 100.0}])
        assert shell.curl(f"curl -X DELETE -d filepath=zoo/cat.jpg {url}/delete") == ok("delete", [])
        assert shell.curl(f"curl {url}/count") == ok("count", [0])


@pytest.fixture
def gallery() -> Iterator[str]:
    """The address of a web server with an original, a photograph of it, one with a cat painted in, and another."""
    original = Image.open(PICTURES / "astronaut.jpg").convert("RGB")
    with_cat = original.copy()
    cat = Image.open(PICTURES / "cat.jpg").convert("RGB").resize((original.width * 3 // 8, original.height // 3))
    with_cat.paste(cat, (original.width // 8, original.height // 3))
    ImageDraw.Draw(with_cat).rectangle((0, 0, original.width // 6, original.height // 6), fill="white")
    width, height = original.size
    files = {
        "/original.jpg": encoded(original, 95),
        "/photograph.jpg": encoded(original.resize((width // 2, height // 2)).point(lambda value: value * 7 // 8)),
        "/with_cat.jpg": encoded(with_cat),
        "/other.jpg": encoded(Image.open(PICTURES / "coffee.jpg").convert("RGB")),
        "/squashed.jpg": encoded(original.resize((width, height // 2))),
        "/rotated.jpg": encoded(ImageOps.mirror(original).transpose(Image.Transpose.ROTATE_90)),
    }
    with served(files) as address:
        yield address


class TestImageMatch:
    def test_signatures_and_distances(self, gallery: str) -> None:
        gis = ImageSignature()
        a = gis.generate_signature(f"{gallery}/original.jpg")
        b = gis.generate_signature(f"{gallery}/photograph.jpg")
        c = gis.generate_signature(f"{gallery}/other.jpg")
        d = gis.generate_signature(f"{gallery}/with_cat.jpg")
        same, remix, other = (gis.normalized_distance(a, signature) for signature in (b, d, c))
        assert same < 0.4
        assert same < remix < other
        assert other > 0.6
        assert gis.normalized_distance(a, a) == 0.0

    def test_storing_and_searching(self, gallery: str, tmp_path: Path) -> None:
        original, photograph, with_cat = (f"{gallery}/{name}.jpg" for name in ("original", "photograph", "with_cat"))
        es = Index.create(str(tmp_path / "images.index"), families=["goldberg"])
        ses = SignatureES(es)
        for address in (original, photograph, f"{gallery}/other.jpg", with_cat):
            ses.add_image(address)

        found = ses.search_image(photograph)
        assert found[0].keys() == {"dist", "id", "metadata", "path", "score"}
        assert (found[0]["dist"], found[0]["metadata"]) == (0.0, None)
        assert [hit["path"] for hit in found[:2]] == [photograph, original]
        assert f"{gallery}/other.jpg" not in [hit["path"] for hit in found]
        assert [hit["path"] for hit in ses.search_image(f"{gallery}/other.jpg")] == [f"{gallery}/other.jpg"]
        strict = SignatureES(es, distance_cutoff=0.3).search_image(photograph)
        assert {hit["path"] for hit in strict} == {hit["path"] for hit in found if hit["dist"] < 0.3}

        assert original in [hit["path"] for hit in ses.search_image(f"{gallery}/squashed.jpg")]
        assert ses.search_image(f"{gallery}/rotated.jpg") == []
        turned = ses.search_image(f"{gallery}/rotated.jpg", all_orientations=True)
        assert original in [hit["path"] for hit in turned]

        ses.add_image(with_cat, metadata={"things": "stuff!"})
        again = [hit["metadata"] for hit in ses.search_image(with_cat) if hit["path"] == with_cat]
        assert sorted(again, key=str) == [None, {"things": "stuff!"}]
        # the body of a search in Elasticsearch's language is a filter here
        (stuff,) = ses.es.list(where={"things": "stuff!"})
        assert stuff.key.startswith(with_cat)


class TestReverseWikipedia:
    def test_the_dump_is_loaded_and_asked(self, tmp_path: Path) -> None:
        expected = json.loads((INTEROP / "postgres" / "expected.json").read_text())
        index = tmp_path / "wiki.index"

        # psql postgres < reverseWikipediaDump.sql
        loaded = run("import", index, INTEROP / "postgres" / "plain.sql.gz")
        assert loaded.exit_code == 0, loaded.stderr
        # SELECT count(*) AS exact_count FROM hashes
        (stats,) = lines(run("stats", index, "--json").stdout)
        assert stats["images"] == expected["importable_by_id"]

        # SELECT url FROM hashes WHERE hash <@ (2165990786990419763, 3)
        queries = [(expected["query"], expected["ids_within_3"])]
        queries += [(more["query"], more["within_3"]) for more in expected["more_queries"]]
        for number, ids in queries:
            assert sorted(map(int, self.within(index, 3, "--hash", number))) == sorted(ids)

    def test_a_folder_is_hashed_and_a_picture_asked(self, tmp_path: Path) -> None:
        (tmp_path / "images").mkdir()
        for name in ("cat.jpg", "coffee.jpg", "rocket.jpg"):
            shutil.copy(PICTURES / name, tmp_path / "images")
        small = Image.open(PICTURES / "rocket.jpg").convert("RGB")
        (tmp_path / "imageToSearch.jpg").write_bytes(encoded(small.resize((small.width // 2, small.height // 2))))

        index = tmp_path / "hashes.index"
        assert run("create", index, "--family", "dhash").exit_code == 0
        assert run("add", index, tmp_path / "images", "--jobs", 1).exit_code == 0
        assert self.within(index, 3, tmp_path / "imageToSearch.jpg") == ["rocket.jpg"]

    @staticmethod
    def within(index: Path, bits: int, *question: object) -> list[str]:
        """Return the keys of the hits, without their folders."""
        answer = run("search", index, *question, "--within", bits, "--json")
        assert answer.exit_code == 0, answer.stderr
        return [Path(line["key"]).name for line in lines(answer.stdout) if "key" in line]


class TestLocalReverseImageSearch:
    def test_build_search_and_update(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        for folder in ("database", "input", "db"):
            (tmp_path / folder).mkdir()
        for name in ("cat.jpg", "coffee.jpg"):
            shutil.copy(PICTURES / name, tmp_path / "database")
        shutil.copy(PICTURES / "cat.jpg", tmp_path / "input" / "question.jpg")

        def operate(operation: str) -> None:
            params = {
                "db_dir": str(tmp_path / "db"),
                "img_dirs": [str(tmp_path / "database")],
                "bk_dir": str(tmp_path / "db"),
                "input_dir": str(tmp_path / "input"),
                "operation": operation,
                "hash_method": "dhash",
                "hash_size": 8,
                "distance_method": "hamming",
                "distance_threshold": 0,
            }
            (tmp_path / "params.json").write_text(json.dumps(params))
            done = run("run", tmp_path / "params.json", "--jobs", 1)
            assert done.exit_code == 0, done.stderr

        operate("build")
        operate("search")
        assert "cat.jpg" in (tmp_path / "input" / "matches.csv").read_text(encoding="utf-8-sig")
        shutil.copy(PICTURES / "rocket.jpg", tmp_path / "database")
        (tmp_path / "database" / "coffee.jpg").unlink()
        operate("update")
        keys = [Path(image.key).name for image in Index.open(str(tmp_path / "db" / "img.index")).list()]
        assert sorted(keys) == ["cat.jpg", "rocket.jpg"]
