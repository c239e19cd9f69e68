"""A bucket gets an object for each checkpoint, over HTTP from a server that speaks S3; what lies there stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from awe_incidents.audit.anchor_settings import configured_anchors
from awe_incidents.audit.errors import AnchorAway, AnchorContradicts, AnchorUnusable
from awe_incidents.audit.object_store import ObjectStorePush
from tests.audit import logs
from tests.audit.test_pushes import published

ADDRESS = "s3://checkpoints/trail/awe"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with an empty bucket, whose objects can be locked."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    for name, value in zip(names, ("key", "secret", "us-east-1"), strict=True):
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        store(f"http://{host}:{port}").create_bucket(Bucket="checkpoints", ObjectLockEnabledForBucket=True)
        yield f"http://{host}:{port}"
    finally:
        httpx.post(f"http://{host}:{port}/moto-api/reset")  # what it holds is one for all servers of a process
        server.stop()


def store(endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=endpoint)


def objects(endpoint: str) -> dict[str, bytes]:
    client = store(endpoint)
    found = client.list_objects_v2(Bucket="checkpoints").get("Contents", [])
    return {one["Key"]: client.get_object(Bucket="checkpoints", Key=one["Key"])["Body"].read() for one in found}


def test_a_bucket_gets_an_object_for_each_checkpoint(endpoint: str, tmp_path: Path) -> None:
    push, wanted = ObjectStorePush(ADDRESS, endpoint=endpoint), {}
    for size in (5, 9, 9):
        one = published(tmp_path / "trail", size)
        assert push.hold(one, held=0).words == "it was written"
        wanted[f"trail/awe/{size:012d}-{logs.BEGAN}.note"] = bytes(one.note)
    assert objects(endpoint) == wanted


def test_another_checkpoint_in_its_place_is_an_alarm_and_stays(endpoint: str, tmp_path: Path) -> None:
    push = ObjectStorePush(ADDRESS, endpoint=endpoint)
    push.hold(published(tmp_path / "trail", 5), held=0)
    before = objects(endpoint)
    with pytest.raises(AnchorContradicts) as refused:
        push.hold(published(tmp_path / "fork", 5, fork_at=3), held=0)
    assert [refused.value.evidence] == list(before.values())
    assert objects(endpoint) == before


def test_an_object_is_locked_for_as_long_as_was_said(endpoint: str, tmp_path: Path) -> None:
    ObjectStorePush(ADDRESS, endpoint=endpoint, locked_days=30).hold(published(tmp_path / "trail", 5), held=0)
    [key] = objects(endpoint)
    client = store(endpoint)
    told = client.head_object(Bucket="checkpoints", Key=key)
    assert told["ObjectLockMode"] == "COMPLIANCE"
    assert timedelta(days=29) < told["ObjectLockRetainUntilDate"] - datetime.now(UTC) < timedelta(days=31)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket="checkpoints", Key=key, VersionId=told["VersionId"])


def test_what_somebody_has_to_mend_is_told_from_what_is_tried_again(endpoint: str, tmp_path: Path) -> None:
    one = published(tmp_path / "trail", 5)
    with pytest.raises(AnchorUnusable, match="404 NoSuchBucket"):
        ObjectStorePush("s3://nowhere", endpoint=endpoint).hold(one, held=0)
    with pytest.raises(AnchorAway, match="does not answer"):
        ObjectStorePush(ADDRESS, endpoint="http://127.0.0.1:1").hold(one, held=0)


@pytest.mark.parametrize("address", ["checkpoints", "https://checkpoints", "s3:///trail"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(AnchorUnusable, match="s3://bucket/prefix"):
        ObjectStorePush(address)


def test_it_is_configured_by_the_environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWE_TRAIL_PUSH_S3", ADDRESS)
    monkeypatch.setenv("AWE_TRAIL_S3_ENDPOINT", endpoint)
    [paced] = configured_anchors()
    assert (paced.anchor.name, paced.anchor.kind, paced.every_seconds) == (ADDRESS, "object store", 3600)
    monkeypatch.setenv("AWE_TRAIL_S3_LOCK_DAYS", "for ever")
    with pytest.raises(AnchorUnusable, match="AWE_TRAIL_S3_LOCK_DAYS is a whole number"):
        configured_anchors()
