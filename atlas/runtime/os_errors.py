"""The kinds of an OSError: the disk is full, the filesystem out of reach, access refused, or anything else.

Local filesystems and NFS tell by a number. Object stores, through pyarrow, give none: their kind is in the text, which
names the store's own code (`AWS Error ACCESS_DENIED during PutObject operation: …`) or HTTP's status.
"""

from __future__ import annotations

import errno
import re

from atlas.runtime.errors import AccessDenied, AtlasError, StorageUnavailable, UserError

FULL = {errno.ENOSPC, errno.EDQUOT}
DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
AWAY = {
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOTCONN,
}
REFUSED = re.compile(  # S3's codes as pyarrow and as the server spell them, gRPC's of GCS, Azure's, HTTP's status
    r"access_?denied|permission_?denied|unauthenticated|unauthorized|forbidden|invalid_?access_?key_?id"
    r"|signature_?does_?not_?match|invalid_?signature|invalid_?client_?token_?id|missing_?authentication_?token"
    r"|unrecognized_?client|not_?signed_?up|account_?problem|authentication_?failed"
    r"|authorization_?(failure|permission_?mismatch)|\bhttp\D{0,12}40[13]\b",
    re.IGNORECASE,
)
RENEWED = re.compile(r"expired_?token|token_?refresh_?required|request_?expired", re.IGNORECASE)
HOPELESS = re.compile(  # a 400 in answer to HEAD has no text that tells a wrong region from credentials that expired
    r"no_?such_?bucket|missing_?content_?length|invalid_?bucket_?name"
    r"|\bhttp\D{0,12}(301|405)\b|\bhttp\D{0,12}400\b(?!.*during HeadObject)",
    re.IGNORECASE | re.DOTALL,
)
CUT_SHORT = re.compile(r"request_?timeout|bad_?digest|incomplete_?body", re.IGNORECASE)  # S3 answers 400 to them, too
MISSING = re.compile(
    r"no_?such_?key|resource_?not_?found|blob_?not_?found|\bnot_found\b|\bhttp\D{0,12}404\b", re.IGNORECASE
)


def is_full(error: BaseException | None) -> bool:
    """Whether a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in FULL


def is_denied(error: BaseException | None) -> bool:
    """Whether access is refused, which no waiting changes. Expired credentials are not: they may be renewed."""
    if isinstance(error, AtlasError) or not isinstance(error, OSError):
        return isinstance(error, AccessDenied)
    if error.errno is not None:
        return error.errno in DENIED
    return _says(error, REFUSED) and not _says(error, RENEWED)


def is_missing(error: BaseException | None) -> bool:
    """Whether there is no such file: pyarrow raises FileNotFoundError, or where it copies in S3 says so."""
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError):
        return isinstance(error, FileNotFoundError)
    return error.errno is None and _says(error, MISSING)


def is_unreachable(error: BaseException | None) -> bool:
    """Whether a filesystem is out of reach: by its number, or an object store's error that says nothing definite."""
    if isinstance(error, AtlasError):
        return is_unreachable(error.__cause__)
    if not isinstance(error, OSError):
        return False
    if error.errno is not None or type(error) is not OSError:
        return error.errno in AWAY
    if _says(error, RENEWED) or _says(error, CUT_SHORT):
        return True
    return not is_denied(error) and not _says(error, HOPELESS)


def error_from(error: BaseException, message: str) -> AtlasError:
    """An error with that message, of the kind that `error` is of: for `raise error_from(error, …) from error`."""
    if is_denied(error):
        return AccessDenied(message)
    return StorageUnavailable(message) if is_full(error) or is_unreachable(error) else UserError(message)


def _says(error: OSError, pattern: re.Pattern[str]) -> bool:
    """Whether the error's own words match: the names in it, which stand in quotes, do not count."""
    return pattern.search(re.sub(r"'[^']*'", "", str(error))) is not None
