"""The sink for MLflow: a server, or a database that MLflow's client writes itself."""

from __future__ import annotations

from atlas.runtime.errors import AtlasError
from atlas.tracking.events import Event
from atlas.tracking.mlflow.address import check_address
from atlas.tracking.mlflow.internals import OUTDATED
from atlas.tracking.mlflow.viewer import viewer
from atlas.tracking.mlflow.writer import Writer
from atlas.tracking.sink import ANSWER_SECONDS

MOST_ATTEMPTS = 8
REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS"}
GONE = "RESOURCE_DOES_NOT_EXIST"


class MlflowSink:
    """Runs in an MLflow experiment, with its model registry and user interface."""

    name = "MLflow"

    def __init__(self, address: str, experiment: str) -> None:
        self.address, self.registry = address, address
        self._experiment = experiment
        self._writer: Writer | None = None

    def check(self, timeout: float = ANSWER_SECONDS) -> None:
        """Raise AtlasError where the server does not answer or the database cannot be written. Imports no mlflow."""
        check_address(self.address, timeout)

    def apply(self, event: Event) -> None:
        """Make MLflow show the event."""
        from mlflow.exceptions import MlflowException

        if self._writer is None:
            if self.address.startswith("http"):
                self.check()  # answers sooner than mlflow's own retries
            self._writer = Writer(self.address, self._experiment)
        try:
            self._writer.apply(event)
        except MlflowException as error:
            if error.error_code != GONE:
                raise
            self._writer.forget()  # a server may return with another database
            self._writer.apply(event)

    def is_final(self, error: Exception, attempts: int) -> bool:
        """Refused by MLflow; no error of network or database; or failing for long though MLflow answers and its
        database is of this version."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import DBAPIError

        if isinstance(error, MlflowException) and error.error_code in REFUSALS | {GONE}:
            return True
        if not isinstance(error, MlflowException | DBAPIError | OSError | AtlasError):
            return True
        return attempts >= MOST_ATTEMPTS and OUTDATED not in str(error) and self._is_reachable()

    def view(self, sweep: str) -> str:
        """The sweep's leaderboard in MLflow's user interface: its address, after the command of a server that serves it
        where there is none yet."""
        return "\n".join(viewer(self.address, self._experiment, sweep))

    def _is_reachable(self) -> bool:
        try:
            self.check(timeout=2.0)
        except AtlasError:
            return False
        return True
