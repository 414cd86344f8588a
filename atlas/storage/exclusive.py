"""Files that only one of several processes creates, on whatever filesystem the store is.

A filesystem of this machine, NFS included, does it by itself. S3 does it by a conditional write (`If-None-Match: *`),
which pyarrow does not offer and boto3 does, by the same credentials. Elsewhere nobody can tell who was first.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.redact import redacted

if TYPE_CHECKING:
    from pyarrow import fs

TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")  # it exists, or another is creating it at this moment

log = logging.getLogger(__name__)

_opening = threading.Lock()


def create_exclusively(filesystem: fs.FileSystem, path: str, content: bytes) -> bool:
    """Create a small file; False where it exists, or another process creates it now.

    Where the filesystem cannot tell it does nothing, and returns True. Raises OSError where it does not answer.
    """
    from pyarrow import fs

    if isinstance(filesystem, fs.LocalFileSystem):
        return _create_locally(Path(path), content)
    if isinstance(filesystem, fs.S3FileSystem):
        server = _S3Server.of(filesystem)
        with _opening:
            heeds = _heeds_conditions(server, path.rpartition("/")[0])
        return not heeds or _create_in_s3(server.client(), path, content)
    return True


def _create_locally(path: Path, content: bytes) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _create_in_s3(client: Any, path: str, content: bytes) -> bool:
    from botocore.exceptions import ClientError

    bucket, _, key = path.partition("/")
    with _as_os_errors():
        try:
            client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in TAKEN:
                return False
            raise
    return True


def _delete_from_s3(client: Any, path: str) -> None:
    bucket, _, key = path.partition("/")
    with _as_os_errors():
        client.delete_object(Bucket=bucket, Key=key)


@contextlib.contextmanager
def _as_os_errors() -> Iterator[None]:
    """boto3's errors, none of which is an OSError, as one; of settings that it cannot use it says ValueError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        raise OSError(redacted(str(error))) from error


@dataclass(frozen=True, kw_only=True)
class _S3Server:
    """The options of pyarrow's filesystem; what they leave open, it and boto3 take from the environment."""

    scheme: str
    endpoint: str
    region: str
    access_key: str | None
    secret_key: str | None = field(repr=False)
    session_token: str | None = field(repr=False)

    @classmethod
    def of(cls, filesystem: fs.S3FileSystem) -> _S3Server:
        options = filesystem.__reduce__()[1][0]  # pyarrow shows them to pickle alone
        return cls(
            scheme=options["scheme"],
            endpoint=options["endpoint_override"],
            region=options["region"],
            access_key=options["access_key"],
            secret_key=options["secret_key"],
            session_token=options["session_token"],
        )

    @property
    def _address(self) -> str | None:
        if not self.endpoint or "://" in self.endpoint:  # it has a scheme where it comes from the environment
            return self.endpoint or None
        return f"{self.scheme}://{self.endpoint}"

    @lru_cache(maxsize=8)  # noqa: B019 (few servers, frozen)
    def client(self) -> Any:
        """boto3's client. Raises ImportError without boto3, OSError where its settings name no profile or region."""
        import boto3

        with _as_os_errors():
            return boto3.session.Session().client(
                "s3",
                region_name=self.region or None,
                endpoint_url=self._address,
                aws_access_key_id=self.access_key or None,
                aws_secret_access_key=self.secret_key or None,
                aws_session_token=self.session_token or None,
            )


@lru_cache(maxsize=1024)
def _heeds_conditions(server: _S3Server, folder: str) -> bool:
    """Whether the server heeds conditional writes: some S3-compatible ones overwrite all the same."""
    try:
        client = server.client()
    except ImportError:
        log.warning("leases in s3://%s need boto3, or both of two sweeps may train a step", folder)
        return False
    path = f"{folder}/.probe-{uuid.uuid4().hex}"
    try:
        heeds = _create_in_s3(client, path, b"") and not _create_in_s3(client, path, b"")
    finally:
        with contextlib.suppress(OSError):  # who may write may not always delete: the probe, empty, stays
            _delete_from_s3(client, path)
    if not heeds:
        message = "the server of s3://%s overwrites in spite of If-None-Match: both of two sweeps may train a step"
        log.warning(message, folder)
    return heeds
