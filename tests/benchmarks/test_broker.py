from __future__ import annotations

import asyncio

import pytest
from rich.console import Console

from benchmarks import broker


def test_every_step_is_handed_out_and_trained(capsys: pytest.CaptureFixture[str]) -> None:
    broker.report_rates(Console(width=100), [1000], rounds_of=3000)
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│"))
    count, rate, of_cpu, share, memory = (cell.strip() for cell in row.strip("│ \n").split("│"))
    assert (count, share) == ("1,000", "1.00")
    assert all(float(number.replace(",", "")) > 0 for number in (rate, of_cpu, memory))


def test_leases_are_timed_while_requests_are_outstanding() -> None:
    outstanding, waits = asyncio.run(broker.time_leases(leases=1000, requests=300, seconds=0.001))
    assert outstanding == 300
    assert len(waits) >= 1000
