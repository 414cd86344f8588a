"""The supervisor of a running sweep: a thread that keeps broker and fleets going, apart from all that is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from atlas.execution.status import BrokerStatus
from atlas.runtime.error_log import ErrorLog
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line
from atlas.sweep.supervision import Snapshot, Steering, SupervisedBroker, SupervisedFleets, Supervision, no_steering

TICK_SECONDS = 0.25
JOIN_SECONDS = 30.0


class Supervisor:
    """A supervision with a thread of its own, which looks at each tick and publishes a snapshot. A context manager."""

    def __init__(
        self,
        broker: SupervisedBroker,
        fleets: SupervisedFleets,
        prefetch: Callable[[BrokerStatus], bool],
        upload: Callable[[], None],
        end_search: Callable[[], None],
        steer: Callable[[BrokerStatus], Steering] = no_steering,
    ) -> None:
        """As `Supervision`, except that `upload` waits until the sweep's folder is uploaded: it has a thread, too."""
        self._supervision = Supervision(broker, fleets, prefetch, self._begin_upload, end_search, steer=steer)
        self._upload = upload
        self._uploading: Future[None] | None = None
        self._newest = Snapshot()
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._closing = False

    def __enter__(self) -> Supervisor:
        self._uploads = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._thread = threading.Thread(target=self._run, daemon=True, name="supervisor")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join(JOIN_SECONDS)
        self._uploads.shutdown()

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._newest

    def wait_for(self, condition: Callable[[Snapshot], bool]) -> None:
        """Wait for a snapshot, taken from now on, that fulfils the condition; returns, too, once the search ends."""
        with self._changed:
            seen = self._newest.number
            self._wake.set()
            self._changed.wait_for(
                lambda: self._newest.is_ending or (self._newest.number > seen and condition(self._newest))
            )

    def _run(self) -> None:
        """The thread. It does not end without a word: whoever waits for a snapshot would wait for ever."""
        try:
            while not self._closing:
                self._publish(self._supervision.look())
                self._wake.wait(TICK_SECONDS)
                self._wake.clear()
        except BaseException as error:  # SystemExit, which Ray raises in threads that wait while it shuts down
            if not self._closing:
                ended = f"the supervisor ended by {type(error).__name__}: {redacted(first_line(error))}"
                self._publish(self._supervision.give_up(ended))

    def _publish(self, found: Snapshot) -> None:
        with self._changed:
            self._newest = found
            self._changed.notify_all()

    def _begin_upload(self) -> None:
        if self._uploading is None or self._uploading.done():
            self._uploading = self._uploads.submit(self._upload_once)

    def _upload_once(self) -> None:
        with ErrorLog().noted("uploading the sweep's folder, which is tried again"):
            self._upload()
