"""The watchdog ends a process's children when the process is killed, and when it closes the watchdog."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from atlas.cluster.watchdog import watched

PATIENCE = 60.0
DRIVER = """
import subprocess, sys, time
from atlas.cluster.watchdog import watched
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
started = []
other = subprocess.Popen(sleeper)
warden = watched(lambda: started.append(subprocess.Popen(sleeper, start_new_session=True)))
print(started[0].pid, other.pid, warden.pid, flush=True)
time.sleep(600)
"""


def runs(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait(until: Callable[[], bool]) -> None:
    """Return as soon as it holds."""
    deadline = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def test_what_a_killed_process_started_ends_and_what_it_had_before_is_left_alone() -> None:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    assert driver.stdout
    started, other, watchdog = map(int, driver.stdout.readline().split())
    assert runs(started)
    driver.kill()
    driver.wait()
    wait(lambda: not runs(started) and not runs(watchdog))
    assert runs(other)
    psutil.Process(other).kill()


def test_a_closed_warden_ends_what_is_left_and_itself() -> None:
    found: list[subprocess.Popen[bytes]] = []
    watchdog = watched(lambda: found.append(sleeper()))
    watchdog.close()
    assert found[0].wait(PATIENCE) == -9
    assert not runs(watchdog.pid)


def test_what_a_process_started_ends_where_it_is_killed_before_it_has_started_all() -> None:
    script = DRIVER.replace("started.append(", "begin(")
    begin = "def begin(process):\n    print(process.pid, flush=True)\n    time.sleep(600)\n"
    driver = subprocess.Popen([sys.executable, "-c", begin + script], stdout=subprocess.PIPE, text=True)
    assert driver.stdout
    started = int(driver.stdout.readline())
    time.sleep(3.0)  # it is noticed within a tenth of a second, once the warden is up
    driver.kill()
    driver.wait()
    wait(lambda: not runs(started))


def test_what_is_started_once_it_has_settled_is_left_alone() -> None:
    watchdog = watched(lambda: None)
    time.sleep(1.0)
    later = sleeper()
    watchdog.close()
    assert later.poll() is None
    later.kill()


def test_what_was_started_by_a_start_that_was_interrupted_ends() -> None:
    found: list[subprocess.Popen[bytes]] = []

    def interrupted() -> None:
        found.append(sleeper())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched(interrupted)
    assert found[0].wait(PATIENCE) == -9
