"""The broker's jobs by scope and key, counted by state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from atlas.execution.job import Job, JobKey
from atlas.execution.status import Course, JobState, RunningStep
from atlas.steps.step import Step

TROUBLES = 3


@dataclass
class JobTable:
    """All jobs. States change here alone, so that counts and the running jobs are known without looking at all."""

    _jobs: dict[JobKey, Job] = field(default_factory=dict)
    _counts: Counter[JobState] = field(default_factory=Counter)
    _running: dict[Job, str] = field(default_factory=dict)  # with its title, once somebody has asked for it
    _troubled: dict[Job, str] = field(default_factory=dict)  # why it failed last, while it is tried again

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

    def run(self, job: Job, fleet: str, progress: float, course: Course) -> None:
        """Take note that `fleet` trains the job, `progress` in [0, 1]."""
        self.move(job, "running")
        job.fleet, job.progress, job.course = fleet, progress, course
        self._running.setdefault(job, "")

    def trouble(self, job: Job) -> None:
        """Take note that an attempt at the job failed, by its reason."""
        self._troubled.pop(job, None)
        self._troubled[job] = f"{job.step.title}: {job.reason}"

    def calm(self, job: Job) -> None:
        """Take note that the job has ended."""
        self._troubled.pop(job, None)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why the last attempt at jobs that are tried again failed, the newest last, `TROUBLES` at most."""
        return tuple(self._troubled.values())[-TROUBLES:]

    def running_on(self, fleet: str) -> list[Job]:
        """The jobs that the fleet trains."""
        return [job for job in self._running if job.fleet == fleet]

    @property
    def in_training(self) -> Iterator[Step]:
        """The steps that fleets train."""
        return (job.step for job in self._running)

    @property
    def running(self) -> tuple[RunningStep, ...]:
        """The steps in training, sorted by fleet."""
        for job, title in self._running.items():
            self._running[job] = title or job.step.title
        return tuple(sorted(_running(job, title) for job, title in self._running.items()))

    @property
    def counts(self) -> dict[JobState, int]:
        """The number of jobs in each state that occurs."""
        return {state: self._counts[state] for state in sorted(self._counts) if self._counts[state]}


def _running(job: Job, title: str) -> RunningStep:
    return RunningStep(fleet=job.fleet, title=title, progress=job.progress, seed=job.step.seed, course=job.course)
