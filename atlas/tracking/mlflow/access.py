"""Signing in at an MLflow server: user and password are kept in the environment, where MLflow looks for them."""

from __future__ import annotations

import base64
import os
import urllib.parse

from atlas.runtime.errors import AccessDenied, InfrastructureError
from atlas.runtime.redact import redacted
from atlas.tracking.sink import ANSWER_SECONDS

USER, PASSWORD, BEARER = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
CREDENTIALS = (
    *(USER, PASSWORD, BEARER, "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "MLFLOW_S3_ENDPOINT_URL", "PGPASSWORD"),
    *("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "GOOGLE_APPLICATION_CREDENTIALS"),  # of a sink in an object store
)
PAGE = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"


def signed_in(tracking_uri: str) -> str:
    """The address of a server without user and password, which go to this process's environment.

    MLflow finds them there, and printing the address does not show them. Other addresses stay as they are.
    """
    parts = urllib.parse.urlsplit(tracking_uri)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return tracking_uri
    os.environ[USER] = urllib.parse.unquote(parts.username)
    os.environ[PASSWORD] = urllib.parse.unquote(parts.password or "")
    return without_user(tracking_uri)


def without_user(uri: str) -> str:
    """The address without its user and password."""
    parts = urllib.parse.urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def credentials() -> dict[str, str]:
    """Variables of this process's environment that sign in at a server, its database or its artifact store.

    An actor has the environment of the node it runs on, so the tracking actor is handed these.
    """
    return {name: os.environ[name] for name in CREDENTIALS if name in os.environ}


def check_access(tracking_uri: str, timeout: float = ANSWER_SECONDS) -> None:
    """Raises AccessDenied where the server does not let this user in, InfrastructureError where it does not answer."""
    import urllib.error
    import urllib.request

    if not tracking_uri.startswith("http"):
        return
    request = urllib.request.Request(without_user(tracking_uri).rstrip("/") + PAGE, headers=authorisation())
    try:
        urllib.request.urlopen(request, timeout=timeout).close()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise AccessDenied(
                f"the MLflow server {redacted(tracking_uri)} does not let this user in ({error.code}); "
                f"set {USER} and {PASSWORD}, or {BEARER}."
            ) from None
    except OSError as error:
        raise InfrastructureError(f"the MLflow server {redacted(tracking_uri)} does not answer: {error}.") from None


def authorisation() -> dict[str, str]:
    """The header that MLflow's own client sends, to a server that the user named."""
    if USER in os.environ:
        pair = f"{os.environ[USER]}:{os.environ.get(PASSWORD, '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {"Authorization": f"Bearer {os.environ[BEARER]}"} if BEARER in os.environ else {}
