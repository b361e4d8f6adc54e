"""Quantities in different spellings, and values that only look alike."""

from __future__ import annotations

from decimal import Decimal

import pytest

from headway.domain.objects.compare import compare, parse_quantity, same_value
from headway.domain.objects.fields import find_element


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"),
        ("1Gi", str(2**30)),
        ("1e3", "1000"),
        ("0.5", "0.5"),
        (2, "2"),
        ("1k", "1000"),
        ("12E", str(12 * 10**18)),
        ("100u", "0.0001"),
    ],
)
def test_quantities_are_read_as_kubernetes_reads_them(text: str | int, value: str) -> None:
    """Half a CPU is half a CPU in every spelling."""
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "abc", "1Xi", "--1", None])
def test_what_is_no_quantity_is_none(text: str | None) -> None:
    """A word is never equal to another word for being no number."""
    assert parse_quantity(text) is None
    assert not same_value(text or "", "other", True)


def test_a_config_map_s_text_is_no_quantity() -> None:
    """`1000m` and `1` are two texts, wherever they stand outside resources."""
    owned = {"f:data": {"f:x": {}}}
    found = compare({"data": {"x": "1000m"}}, {"data": {"x": "1"}}, owned)
    assert [it.path for it in found.fields] == ["data.x"]


def test_an_empty_value_that_the_server_dropped_is_no_difference() -> None:
    """Manifests write empty maps and lists that the server does not keep."""
    found = compare({"spec": {"a": {}, "b": [], "c": 1}}, {"spec": {"c": 1}}, {"f:spec": {"f:c": {}}})
    assert not found.fields
    assert not found.unowned


def test_a_list_where_the_cluster_has_a_map_is_a_difference() -> None:
    """A manifest of the wrong shape is a difference like any other, and the server says what is wrong with it."""
    found = compare({"data": [1]}, {"data": {"LEVEL": "info"}}, {"f:data": {"f:LEVEL": {}}})
    assert [it.path for it in found.fields] == ["data"]


def _ports(*ports: dict[str, object]) -> dict[str, object]:
    return {"spec": {"ports": list(ports)}}


@pytest.mark.parametrize("order", [1, -1])
def test_a_port_without_a_protocol_is_the_tcp_one(order: int) -> None:
    """One number for TCP, by default, and for UDP, as DNS has it: each is compared with its own."""
    tcp = {"name": "dns-tcp", "port": 53, "targetPort": 5353}
    udp = {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353}
    leaf = {".": {}, "f:name": {}, "f:port": {}, "f:targetPort": {}}
    owned = {
        "f:spec": {
            "f:ports": {
                'k:{"port":53,"protocol":"TCP"}': leaf,
                'k:{"port":53,"protocol":"UDP"}': {**leaf, "f:protocol": {}},
            }
        }
    }
    wanted = _ports(*[tcp, udp][::order])
    found = compare(wanted, _ports({**tcp, "protocol": "TCP"}, udp), owned)
    assert (found.fields, found.unowned) == ([], False)


def test_of_a_custom_resource_s_list_the_element_that_says_all_keys_is_taken() -> None:
    """Its defaults are not known, so one that leaves a key out stands back."""
    items = [{"port": 1, "role": "a"}, {"port": 1, "mode": "B", "role": "b"}]
    assert find_element(items, 'k:{"mode":"B","port":1}') == items[1]
    assert find_element(items, 'k:{"mode":"A","port":1}') == items[0]
    assert find_element(items, 'k:{"mode":"A","port":2}') is None
