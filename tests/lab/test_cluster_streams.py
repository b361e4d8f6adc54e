"""Following objects by events: what comes, what a forgotten place does, and that closing ends it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from headway.systems.cluster.discovery import Resource
from headway.systems.cluster.streams import Event, Stream, wait_for
from tests.lab.clusterplace import Place, config_map, own_place

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", True)


@pytest.fixture
def place(lab: Any) -> Iterator[Place]:
    with own_place(lab.context, lab.kubeconfig) as it:
        it.apply(config_map("first"))
        yield it


def next_about(news: queue.SimpleQueue[Event], name: str) -> Event:
    for event in iter(lambda: wait_for(news, time.monotonic() + 30), []):
        for each in event:
            if each.what in ("there", "gone") and each.item["metadata"]["name"] == name:
                return each
    raise AssertionError(f"no news about {name}")


def test_changes_come_as_they_happen(place: Place) -> None:
    """An object that is made and one that goes are both heard of, and what was listed is not told again."""
    news: queue.SimpleQueue[Event] = queue.SimpleQueue()
    stream = Stream(place.cluster, CONFIG_MAPS, place.namespace, news)
    assert "first" in {it["metadata"]["name"] for it in stream.list()}
    stream.start()
    place.apply(config_map("first") + config_map("second"))
    assert next_about(news, "second").what == "there"
    place.apply(config_map("first"))
    assert next_about(news, "second").what == "gone"
    stream.close()


def test_a_forgotten_place_is_listed_again(place: Place) -> None:
    """When the server no longer knows where the stream was, everything there is comes at once."""
    news: queue.SimpleQueue[Event] = queue.SimpleQueue()
    stream = Stream(place.cluster, CONFIG_MAPS, place.namespace, news)
    stream.list()
    stream._version = "1"
    stream.start()
    (event,) = wait_for(news, time.monotonic() + 60)
    assert event.what == "relisted"
    assert "first" in {it["metadata"]["name"] for it in event.item}
    place.apply(config_map("first") + config_map("second"))
    assert next_about(news, "second").what == "there"
    stream.close()


def test_closing_ends_the_thread(place: Place) -> None:
    """A watch that is over leaves no thread behind that waits for news."""
    before = set(threading.enumerate())
    news: queue.SimpleQueue[Event] = queue.SimpleQueue()
    stream = Stream(place.cluster, CONFIG_MAPS, place.namespace, news)
    stream.list()
    stream.start()
    place.apply(config_map("first") + config_map("second"))
    next_about(news, "second")
    mine = set(threading.enumerate()) - before
    stream.close()
    for each in mine:
        each.join(10)
    assert not any(it.is_alive() for it in mine)
