"""Screenshots through everything that `make up` starts, also when the worker is killed while it makes them anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from awe_incidents.local.control import control
from tests import forms, pictures
from tests.journeys.service import Service, running_service, wait_until
from tests.journeys.test_crashes import QUIET_STACK

READY_SECONDS = 150.0  # a lost worker is noticed by its lease, half a minute later


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A service that nobody else uses, as its worker is going to be killed."""
    with running_service() as running:
        description = tmp_path / "stack.toml"
        description.write_text(QUIET_STACK)
        running.apply(description)
        yield running


def settled(http: httpx.Client, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get(address).raise_for_status().json()["results"]
    return [one for one in found if one["state"] != "pending"]


def test_every_screenshot_is_ready_though_the_worker_is_killed(own_service: Service) -> None:
    service = own_service
    shots = [pictures.photo_with_place(), *(pictures.encoded(pictures.noise((2000, 1500)), "PNG") for _ in range(2))]
    fields = forms.texts({"stack": "ledger", "environment": "Staging", "actual_behavior": "the page is empty"})
    body = forms.form([*fields, *(("screenshot", f"{number}.png", data) for number, data in enumerate(shots))])
    headers = {"Content-Type": forms.CONTENT_TYPE, "Idempotency-Key": "screenshots"}
    with service.client("demo-reporter") as http:
        answer = http.post("/bug-reports/", content=body, headers=headers)
        assert answer.status_code == 201, answer.text
        listing = answer.json()["links"]["attachments"]
        killed = control(service.folder, "status")["worker"]["pid"]
        service.kill("worker")

        wait_until(
            lambda: len(settled(http, listing)) == 3, seconds=READY_SECONDS, what="three screenshots are settled"
        )

        found = settled(http, listing)
        assert [one["state"] for one in found] == ["ready"] * 3, found
        contents = [http.get(one["links"]["content"]) for one in found]
        assert [one.headers["content-type"] for one in contents] == ["image/jpeg", "image/png", "image/png"]
        assert b"SecretCamera" not in contents[0].content
    assert control(service.folder, "status")["worker"]["pid"] != killed
