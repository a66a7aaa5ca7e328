"""Signers: every picture has one answer, in time, whatever becomes of the processes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from threading import Event, Timer

import pytest
from PIL import Image

from lookalike import Index, Key
from lookalike.questions import Signed
from lookalike.signatures import pool, signers
from lookalike.signatures.signers import ProcessSigner, Signer, ThreadSigner
from lookalike.signatures.worker import SignedPicture
from shards.errors import PictureError, SigningFailed
from shards.pictures.decoding import ORIENTATIONS, PictureSettings, decode
from tests.lookalike.cli.drawing import cloud, png
from tests.lookalike.web.virtual_time import now, run, settle
from tests.patience import PATIENCE

FAMILIES = ("dhash", "goldberg")


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.create("memory://", families=FAMILIES, pictures=PictureSettings(max_pixels=50_000_000))


@pytest.fixture(scope="module")
def processes(index: Index) -> Iterator[ProcessSigner]:
    """Shared by the tests that leave its processes alone."""
    with ProcessSigner(index, 2, PATIENCE) as signer:
        yield signer


@pytest.fixture(params=["processes", "threads"])
def signer(request: pytest.FixtureRequest, index: Index) -> Iterator[Signer]:
    """Either kind."""
    if request.param == "processes":
        yield request.getfixturevalue("processes")
        return
    threads = ThreadSigner(index, PATIENCE)
    yield threads
    threads.close()


def black(side: int) -> bytes:
    """A small file of very many pixels: a second's work."""
    encoded = io.BytesIO()
    Image.new("L", (side, side)).save(encoded, "PNG")
    return encoded.getvalue()


def refused(work: Awaitable[SignedPicture]) -> PictureError:
    async def caught() -> PictureError:
        with pytest.raises(PictureError) as caught:
            await work
        return caught.value

    return asyncio.run(caught())


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_all_of_a_picture_is_as_the_index_itself_computes_it(signer: Signer, index: Index) -> None:
    data = png(1, side=300)
    signed = asyncio.run(signer.sign(data))
    expected = index.sign("a.png", data, {"album": "zoo"}, source={"path": "a.png"})
    record = signed.record("a.png", expected.order, {"album": "zoo"}, {"path": "a.png"})
    assert record == expected
    assert (signed.width, signed.height, signed.sha256) == (300, 300, sha256(data).digest())
    assert signed.thumbnail is not None
    assert decode(signed.thumbnail).rgb.shape == (256, 256, 3)


def test_the_eight_orientations_are_those_of_a_search(signer: Signer, index: Index) -> None:
    data = png(2)
    signed = asyncio.run(signer.sign(data, orientations=True))
    assert len(signed.orientations) == len(ORIENTATIONS)
    pictures = decode(data).orientations()
    for kind in index.families:
        assert [rows[kind.name] for rows in signed.orientations] == [kind.compute(picture) for picture in pictures]


def test_a_signed_picture_is_a_question(processes: ProcessSigner) -> None:
    index = Index.create("memory://", families=FAMILIES)
    index.add("a.png", png(3))
    index.add("b.png", png(4))
    turned = io.BytesIO()
    cloud(3).transpose(Image.Transpose.ROTATE_90).save(turned, "PNG")
    signed = asyncio.run(processes.sign(turned.getvalue(), orientations=True))
    question = signed.question()
    assert isinstance(question, Signed)
    hit = index.search(question, orientations=True, limit=1).hits[0]
    assert (hit.key, hit.score, hit.variant) == ("a.png", 100, "rotated 90")
    assert index.compare(question, Key("b.png"))[0].score < 100


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"nothing", "not_an_image"), (png(1)[:300], "truncated"), (black(7_100), "too_many_pixels")],
)
def test_what_is_wrong_with_a_picture_is_said(signer: Signer, data: bytes, reason: str) -> None:
    assert refused(signer.sign(data)).reason == reason


def test_many_at_once_are_answered_each_with_its_own(processes: ProcessSigner) -> None:
    pictures = [png(seed) for seed in range(40)]

    async def all_of_them() -> list[SignedPicture]:
        return await asyncio.gather(*(processes.sign(data) for data in pictures))

    assert [one.sha256 for one in asyncio.run(all_of_them())] == [sha256(data).digest() for data in pictures]
    assert len(processes.pids) <= 2


def test_processes_start_when_they_are_needed_and_end_with_the_signer(index: Index) -> None:
    signer = ProcessSigner(index, 4, PATIENCE)
    assert signer.pids == []
    asyncio.run(signer.sign(png(1)))
    asyncio.run(signer.sign(png(2)))
    (pid,) = signer.pids
    signer.close()
    assert signer.pids == []
    assert is_gone(pid)


@pytest.fixture
def one(index: Index) -> Iterator[ProcessSigner]:
    """A signer with one process, which has signed a picture."""
    with ProcessSigner(index, 1, PATIENCE) as signer:
        asyncio.run(signer.sign(png(1)))
        yield signer


def test_one_may_be_started_beforehand(index: Index) -> None:
    with ProcessSigner(index, 1, PATIENCE) as signer:
        signer.start()
        # it is one of the tasks of the only thread: what comes later waits for it
        signer._threads.submit(int).result()
        (pid,) = signer.pids
        asyncio.run(signer.sign(png(1)))
        assert signer.pids == [pid]


@dataclass
class Exchanges:
    """The exchanges of a signer, by their timers. `is_over`: the time of each that begins is over at once."""

    begun: Event = field(default_factory=Event)
    timers: list[Timer] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    overlap: bool = False
    is_over: bool = False

    def timer(self, seconds: float, kill: Callable[[], None]) -> Timer:
        self.overlap |= any(not timer.finished.is_set() for timer in self.timers)
        self.timers.append(Timer(0 if self.is_over else seconds, kill))
        self.limits.append(seconds)
        self.begun.set()
        return self.timers[-1]


@pytest.fixture
def exchanges(one: ProcessSigner, monkeypatch: pytest.MonkeyPatch) -> Exchanges:
    """Those of `one`, from now on."""
    found = Exchanges()
    monkeypatch.setattr(pool, "Timer", found.timer)
    return found


def test_a_picture_that_takes_too_long_is_given_up_and_its_process_replaced(
    one: ProcessSigner, exchanges: Exchanges
) -> None:
    (before,) = one.pids
    # it is sent the picture, and does not answer
    os.kill(before, signal.SIGSTOP)
    exchanges.is_over = True
    error = refused(one.sign(png(1)))
    assert exchanges.limits == [PATIENCE]
    assert (error.reason, str(error)) == ("timeout", f"it was not signed within {PATIENCE:g} s; send a smaller copy")
    assert one.pids == []
    assert is_gone(before)
    exchanges.is_over = False
    assert asyncio.run(one.sign(png(1))).width == 24
    assert one.pids not in ([], [before])


def test_the_time_limit_holds_for_a_process_that_takes_not_even_the_picture(
    one: ProcessSigner, exchanges: Exchanges
) -> None:
    os.kill(one.pids[0], signal.SIGSTOP)
    exchanges.is_over = True
    assert refused(one.sign(bytes(1 << 22))).reason == "timeout"
    assert one.pids == []


def test_the_event_loop_goes_on_meanwhile(one: ProcessSigner, exchanges: Exchanges) -> None:
    async def turns_while_signing() -> int:
        (pid,) = one.pids
        os.kill(pid, signal.SIGSTOP)
        work = asyncio.ensure_future(one.sign(png(2)))
        turns = 0
        while not (exchanges.begun.is_set() and turns > 100):
            turns += 1
            await asyncio.sleep(0)
        assert not work.done()
        os.kill(pid, signal.SIGCONT)
        await work
        return turns

    assert asyncio.run(turns_while_signing()) > 100


def test_the_time_that_a_picture_waits_for_a_process_does_not_count(one: ProcessSigner, exchanges: Exchanges) -> None:
    async def ten() -> None:
        await asyncio.gather(*(one.sign(png(n)) for n in range(10)))

    asyncio.run(ten())
    assert len(exchanges.timers) == 10
    assert not exchanges.overlap


def test_a_process_that_dies_of_a_picture_costs_that_picture_only(one: ProcessSigner, exchanges: Exchanges) -> None:
    (pid,) = one.pids

    async def killed_meanwhile() -> None:
        os.kill(pid, signal.SIGSTOP)
        guilty = asyncio.ensure_future(one.sign(png(2)))
        waiting = asyncio.ensure_future(one.sign(png(3)))
        await asyncio.to_thread(exchanges.begun.wait)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(PictureError, match=r"SIGKILL\); perhaps the memory") as caught:
            await guilty
        assert caught.value.reason == "crashed"
        assert (await waiting).sha256 == sha256(png(3)).digest()

    asyncio.run(killed_meanwhile())
    assert one.pids not in ([], [pid])


def test_a_process_that_died_while_it_was_idle_costs_nothing(
    one: ProcessSigner, caplog: pytest.LogCaptureFixture
) -> None:
    (pid,) = one.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert asyncio.run(one.sign(png(2))).sha256 == sha256(png(2)).digest()
    assert one.pids not in ([], [pid])
    assert caplog.messages == ["an idle signing process ended (SIGKILL)"]


def test_what_is_cancelled_does_not_put_its_process_out_of_step(one: ProcessSigner, exchanges: Exchanges) -> None:
    (pid,) = one.pids

    async def cancelled() -> bytes:
        os.kill(pid, signal.SIGSTOP)
        begun = asyncio.ensure_future(one.sign(png(2)))
        waiting = asyncio.ensure_future(one.sign(png(3)))
        await asyncio.to_thread(exchanges.begun.wait)
        for work in (begun, waiting):
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        os.kill(pid, signal.SIGCONT)
        return (await one.sign(png(4))).sha256

    assert asyncio.run(cancelled()) == sha256(png(4)).digest()
    assert one.pids == [pid]
    assert len(exchanges.timers) == 2, "what was cancelled while it waited is not signed"


def test_closing_ends_what_is_being_signed(one: ProcessSigner, exchanges: Exchanges) -> None:
    (pid,) = one.pids

    async def closed() -> None:
        os.kill(pid, signal.SIGSTOP)
        work = asyncio.ensure_future(one.sign(png(2)))
        await asyncio.to_thread(exchanges.begun.wait)
        await asyncio.to_thread(one.close)
        with pytest.raises(PictureError):
            await work

    asyncio.run(closed())
    assert one.pids == []
    assert is_gone(pid)


def test_a_picture_that_needs_too_much_memory_ends_no_process(index: Index) -> None:
    with ProcessSigner(index, 1, PATIENCE) as signer:
        signer._signing._job = replace(signer._signing._job, memory=256 << 20)
        assert asyncio.run(signer.sign(png(1))).width == 24
        before = signer.pids
        error = refused(signer.sign(black(7_000)))
        assert (error.reason, "send a smaller copy" in str(error)) == ("memory", True)
        assert asyncio.run(signer.sign(png(1))).width == 24
        assert signer.pids == before


def test_the_largest_picture_allowed_is_signed_within_the_limit_of_memory(processes: ProcessSigner) -> None:
    assert asyncio.run(processes.sign(black(7_071))).width == 7_071


def test_processes_that_cannot_begin_are_the_services_fault(index: Index, capfd: pytest.CaptureFixture[str]) -> None:
    with ProcessSigner(index, 1, PATIENCE) as signer:
        signer._signing._job = replace(signer._signing._job, families=("nonsense",))
        with pytest.raises(SigningFailed, match=r"ended before it began \(exit status 1\)"):
            asyncio.run(signer.sign(png(1)))
        assert signer.pids == []
    assert "no family is called 'nonsense'" in capfd.readouterr().err


def test_a_thread_that_takes_too_long_is_not_waited_for(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, answered = Event(), Event()

    def hang(*given: object, orientations: bool) -> SignedPicture:
        begun.set()
        answered.wait(PATIENCE)
        raise PictureError("damaged", "nobody hears this")

    async def given_up(signer: ThreadSigner) -> PictureError:
        work = asyncio.ensure_future(signer.sign(png(1)))
        await settle()
        assert begun.wait(PATIENCE)
        with pytest.raises(PictureError) as caught:
            await work
        assert now() == signers.SECONDS
        return caught.value

    monkeypatch.setattr(signers, "sign", hang)
    signer = ThreadSigner(index)
    try:
        assert run(given_up(signer)).reason == "timeout"
        assert not answered.is_set()
    finally:
        answered.set()
        signer.close()
