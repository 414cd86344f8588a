from __future__ import annotations

import errno

import pytest

from atlas.runtime.errors import AccessDenied, StorageUnavailable, UserError
from atlas.runtime.os_errors import error_from, is_denied, is_full, is_missing, is_unreachable

DENIED = [
    PermissionError(errno.EACCES, "Permission denied"),
    PermissionError(errno.EPERM, "Operation not permitted"),
    OSError(errno.EROFS, "Read-only file system"),
    OSError("When getting information for key 'x' in bucket 'b': AWS Error ACCESS_DENIED during HeadObject: No body."),
    OSError("When listing objects: AWS Error INVALID_ACCESS_KEY_ID during ListObjectsV2 operation: It does not exist."),
    OSError("When initiating upload: AWS Error SIGNATURE_DOES_NOT_MATCH during CreateMultipartUpload operation: no."),
    OSError("When uploading: AWS Error UNKNOWN (HTTP status 403) during PutObject operation: no response body."),
    OSError("google::cloud::Status(PERMISSION_DENIED: Permanent error in GetObjectMetadata: no access)"),
    OSError("google::cloud::Status(UNAUTHENTICATED: Permanent error: Request had invalid credentials)"),
    OSError("GetProperties failed for 'https://a/b': Azure Error: [AuthorizationFailure] 403 This request is not …"),
    AccessDenied("the store refuses access"),
]
AWAY = [
    OSError("When listing objects: AWS Error NETWORK_CONNECTION during ListObjectsV2: curlCode: 7, Couldn't connect"),
    OSError(
        "When reading 'forbidden' in bucket 'access-denied': AWS Error SLOW_DOWN during GetObject: Reduce your rate"
    ),
    OSError("When uploading: AWS Error UNKNOWN (HTTP status 503) during PutObject operation: no response body."),
    OSError("When uploading: AWS Error UNKNOWN (HTTP status 400): Unable to parse ExceptionName: ExpiredToken"),
    OSError("When getting: AWS Error UNKNOWN (HTTP status 400) during HeadObject operation: No response body."),
    OSError("When uploading: AWS Error UNKNOWN (HTTP status 400): Unable to parse ExceptionName: RequestTimeout"),
    OSError("When uploading: AWS Error UNKNOWN (HTTP status 400): Unable to parse ExceptionName: BadDigest"),
    OSError(errno.ESTALE, "Stale file handle"),
    TimeoutError(errno.ETIMEDOUT, "late"),
]
OTHERS = [
    FileNotFoundError(errno.ENOENT, "gone"),
    OSError("When initiating upload: AWS Error NO_SUCH_BUCKET during CreateMultipartUpload operation: no such bucket"),
    OSError("When listing: AWS Error UNKNOWN (HTTP status 301) during ListObjectsV2 operation: No response body."),
    OSError("When uploading: AWS Error UNKNOWN (HTTP status 400) during PutObject operation: InvalidArgument"),
    OSError("When uploading: AWS Error UNKNOWN (HTTP status 405) during PutObject operation: MethodNotAllowed"),
    ValueError("access denied"),
]
MISSING = [
    FileNotFoundError(errno.ENOENT, "gone"),
    OSError("When copying key 'a' in bucket 'b' to key 'c': AWS Error NO_SUCH_KEY during CopyObject operation: none."),
    OSError("When copying key 'a' in bucket 'b': AWS Error UNKNOWN (HTTP status 404) during CopyObject operation: no"),
    OSError("google::cloud::Status(NOT_FOUND: Permanent error in RewriteObject: No such object)"),
]


@pytest.mark.parametrize("error", DENIED, ids=repr)
def test_access_that_is_refused_is_the_users_and_not_waited_for(error: Exception) -> None:
    assert is_denied(error)
    assert not is_unreachable(error)
    assert type(error_from(error, "no")) is AccessDenied


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_filesystem_out_of_reach_is_waited_for(error: Exception) -> None:
    assert is_unreachable(error)
    assert not is_denied(error)
    assert type(error_from(error, "no")) is StorageUnavailable


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_all_else_is_the_users(error: Exception) -> None:
    assert not is_unreachable(error)
    assert not is_denied(error)
    assert type(error_from(error, "no")) is UserError


@pytest.mark.parametrize("error", MISSING, ids=repr)
def test_a_missing_file_is_told_by_its_number_or_its_text(error: Exception) -> None:
    assert is_missing(error)


@pytest.mark.parametrize("error", [*AWAY, *DENIED, *OTHERS[1:], None], ids=repr)
def test_no_other_error_is_a_missing_file(error: Exception | None) -> None:
    assert not is_missing(error)


def test_a_full_disk_is_unavailable_and_not_out_of_reach() -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    assert is_full(error)
    assert not is_unreachable(error)
    assert type(error_from(error, "no")) is StorageUnavailable


@pytest.mark.parametrize(("cause", "expected"), [(AWAY[0], True), (DENIED[0], False)], ids=repr)
def test_an_error_for_people_is_out_of_reach_where_its_cause_is(cause: Exception, expected: bool) -> None:
    told = error_from(cause, "told")
    told.__cause__ = cause
    assert is_unreachable(told) is expected
