from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from atlas.cluster.connect import join_ray
from atlas.cluster.reach import LONGEST_FOLDER, check_reachable, check_socket_path, ray_address
from atlas.runtime.errors import InfrastructureError, UserError


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port of the loopback at which nothing listens, and which nothing else gets."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "localhost:{}", "ray://127.0.0.1:{}", "ray://localhost:{}/"])
def test_an_address_at_which_nothing_listens_is_told_before_ray_tries(
    dead_port: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = form.format(dead_port)
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)  # Ray is not even imported
    with pytest.raises(InfrastructureError) as refused:
        join_ray()
    said = str(refused.value)
    assert said.startswith(f"no Ray cluster at {address}: nothing answers at ")
    assert f"port {dead_port} (Connection refused). Check RAY_ADDRESS (unset it to start one here)" in said
    assert "\n" not in said


def test_a_host_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InfrastructureError, match=r"nothing answers at head\.invalid port 6379"):
        check_reachable("head.invalid")


@pytest.mark.parametrize("address", ["a host:6379", "http://host:1", ":6379", "host:port", "host:99999", "host:1/x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises((UserError, InfrastructureError)) as refused:
        check_reachable(address)
    assert repr(address) in str(refused.value) or address in str(refused.value)


def test_an_address_at_which_something_listens_and_none_at_all_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_reachable(f"127.0.0.1:{server.getsockname()[1]}")
    check_reachable("auto")
    check_reachable("")


@pytest.mark.parametrize(("given", "address"), [("", ""), ("local", ""), (" ", ""), ("auto", "auto"), ("h:1 ", "h:1")])
def test_local_is_no_address(monkeypatch: pytest.MonkeyPatch, given: str, address: str) -> None:
    monkeypatch.setenv("RAY_ADDRESS", given)
    assert ray_address() == address


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_that_is_too_long_for_rays_sockets_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, f"/{'x' * (LONGEST_FOLDER - 1)}")
    check_socket_path()
    monkeypatch.setenv(name, f"/{'é' * (LONGEST_FOLDER // 2)}x")
    with pytest.raises(UserError, match=f"{name} is /.*, a path of .* bytes; .* give a shorter one"):
        check_socket_path()
