"""The broker's view of the store: in threads, in order for each step, alive whatever happens."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from atlas.execution.store_view import SharedStore
from atlas.storage.leases import StepLeases
from atlas.storage.store import Store
from tests.execution.fleet import FIRST, OTHER, SECOND, Brokerage, commit, run, settle, take

KEY = ("", FIRST.key)


class Gate:
    """A store that does not answer until it is opened: every call of the method waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: type, method: str) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        known = getattr(kind, method)

        def slow(*given: object, **named: object) -> object:
            self.reached.set()
            assert self.open.wait(20)
            return known(*given, **named)

        monkeypatch.setattr(kind, method, slow)


def test_a_slow_store_stalls_neither_renewals_nor_the_status(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.anticipate([FIRST])
        lease = await take(broker)
        gates = [Gate(monkeypatch, kind, name) for kind, name in ((Store, "find"), (StepLeases, "acquire"))]
        asked = asyncio.ensure_future(broker.request_all([OTHER]))
        await asyncio.to_thread(gates[0].reached.wait)
        await broker.renew("f", lease, 0.5)
        await broker.broker.renew("g", OTHER.key, "", 0.1)  # its lease is written once the store answers
        assert (await broker.status()).states == {"running": 2}
        for gate in gates:
            gate.open.set()
        commit(uri, OTHER)
        await broker.broker.done(OTHER.key, "", 1.0)
        assert len(await asked) == 1

    run(ask())


def test_a_lease_is_released_after_it_was_acquired_however_long_that_takes(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        gate, view = Gate(monkeypatch, StepLeases, "acquire"), SharedStore(uri)
        acquiring = asyncio.ensure_future(view.acquire(KEY))
        await asyncio.to_thread(gate.reached.wait)
        view.release(KEY)
        view.force_acquire(KEY)
        view.release(KEY)
        gate.open.set()
        assert await acquiring
        await view.close()
        assert list((Path(uri) / "claims").iterdir()) == []
        assert await SharedStore(uri).acquire(KEY)

    run(ask())


def test_leases_of_different_steps_do_not_wait_for_each_other(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        view, known, opened = SharedStore(uri), StepLeases.acquire, threading.Event()

        def slow(leases: StepLeases, key: str) -> bool:
            assert key != FIRST.key or opened.wait(20)
            return known(leases, key)

        monkeypatch.setattr(StepLeases, "acquire", slow)
        waiting = asyncio.ensure_future(view.acquire(KEY))
        assert await view.acquire(("", SECOND.key))
        opened.set()
        assert await waiting

    run(ask())


def test_heartbeats_go_on_after_an_error_that_nobody_foresaw(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas.execution.store_view.HEARTBEAT_SECONDS", 0.01)
    known, failing, beating = StepLeases.heartbeat, threading.Event(), threading.Event()

    def beat(leases: StepLeases, key: str | None = None) -> None:
        if not failing.is_set():
            failing.set()
            raise RuntimeError("nobody foresaw this")
        known(leases, key)
        beating.set()

    async def ask() -> None:
        view = SharedStore(uri)
        await view.acquire(KEY)
        monkeypatch.setattr(view._calls, "is_busy", unforeseen(view))
        monkeypatch.setattr(StepLeases, "heartbeat", beat)
        await asyncio.to_thread(beating.wait, 20)
        assert beating.is_set()

    run(ask())


def unforeseen(view: SharedStore):  # type: ignore[no-untyped-def]
    """Raises in the heartbeat itself, once."""
    known, raised = view._calls.is_busy, []

    def is_busy(key: object) -> bool:
        if not raised:
            raised.append(key)
            raise RuntimeError("nobody foresaw this, either")
        return known(key)

    return is_busy


def test_a_step_is_known_by_its_marker_and_no_other_file_is_read(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        commit(uri, FIRST)
        monkeypatch.setattr(Store, "verify", lambda *given: pytest.fail("the files of a step were read"))
        monkeypatch.setattr(Store, "_fault", lambda *given: pytest.fail("the files of a step were read"))
        assert set(await SharedStore(uri).look_up("", [FIRST.key, OTHER.key])) == {FIRST.key}

    run(ask())


def test_one_marker_that_cannot_be_read_fails_its_own_step_and_no_other(uri: str) -> None:
    async def ask() -> None:
        commit(uri, FIRST)
        Store.open(uri).commit(OTHER.key, Path(uri).parent / "files", Later())
        broker = Brokerage(uri)
        await broker.anticipate([FIRST, OTHER])
        await settle()
        assert (await broker.status()).states == {"done": 1, "failed": 1}

    run(ask())


class Later:
    """The record of a later version."""

    def to_json(self):  # type: ignore[no-untyped-def]
        return {"schema_version": 99, "title": "later"}
