"""The broker's jobs by scope and key, counted by state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from atlas.execution.job import Job, JobKey
from atlas.execution.status import JobState, RunningStep
from atlas.steps.step import Step


@dataclass
class JobTable:
    """All jobs. States change here alone, so that counts and the running jobs are known without looking at all."""

    _jobs: dict[JobKey, Job] = field(default_factory=dict)
    _counts: Counter[JobState] = field(default_factory=Counter)
    _running: dict[Job, str] = field(default_factory=dict)  # with its title, once somebody has asked for it

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def get(self, scope: str, key: str) -> Job | None:
        """The job of a step; None where there is none."""
        return self._jobs.get((scope, key))

    def add(self, step: Step, scope: str) -> Job:
        """A new job, which waits."""
        job = Job(step, scope)
        self._jobs[job.job_key] = job
        self._counts[job.state] += 1
        return job

    def move(self, job: Job, state: JobState) -> None:
        """Change the state of a job."""
        self._counts[job.state] -= 1
        self._counts[state] += 1
        job.state = state
        if state != "running":
            self._running.pop(job, None)

    def run(self, job: Job, fleet: str, progress: float) -> None:
        """Take note that `fleet` trains the job, `progress` in [0, 1]."""
        self.move(job, "running")
        job.fleet, job.progress = fleet, progress
        self._running.setdefault(job, "")

    def running_on(self, fleet: str) -> list[Job]:
        """The jobs that the fleet trains."""
        return [job for job in self._running if job.fleet == fleet]

    @property
    def running(self) -> tuple[RunningStep, ...]:
        """The steps in training, sorted by fleet."""
        for job, title in self._running.items():
            self._running[job] = title or job.step.title
        steps = (RunningStep(fleet=job.fleet, title=self._running[job], progress=job.progress) for job in self._running)
        return tuple(sorted(steps))

    @property
    def counts(self) -> dict[JobState, int]:
        """The number of jobs in each state that occurs."""
        return {state: self._counts[state] for state in sorted(self._counts) if self._counts[state]}
