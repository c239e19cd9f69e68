"""An object store that speaks S3 and holds checkpoints: one object each, which is never written again.

boto3 alone, and not django-storages over it: the program that pushes runs without Django, and only a conditional write
keeps what lies there from being overwritten.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from awe_incidents.audit.anchors import Held
from awe_incidents.audit.errors import AnchorAway, AnchorContradicts, AnchorRefused, AnchorUnusable
from awe_incidents.audit.published_log import Published

CONNECT_SECONDS, ANSWER_SECONDS = 10, 30
_THERE = {"PreconditionFailed", "412"}


class ObjectStorePush:
    """A bucket, and what the names of objects in it begin with; boto3 finds who pushes (AWS_ACCESS_KEY_ID ...)."""

    kind = "object store"
    takes_time = False

    def __init__(self, address: str, *, endpoint: str = "", locked_days: int = 0) -> None:
        """Take `s3://bucket/prefix`, the endpoint where it is not Amazon's, and for how long nobody may delete.

        Raises: AnchorUnusable.
        """
        parts = urlsplit(address)
        if parts.scheme != "s3" or not parts.netloc:
            raise AnchorUnusable(f"an object store is named as s3://bucket/prefix, not {address}")
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._locked = timedelta(days=locked_days)
        self._client = _client(endpoint)
        self.name = address

    def hold(self, published: Published, *, held: int) -> Held:
        """Write the note as a new object; raises AnchorRefused."""
        note = bytes(published.note)
        name = f"{published.checkpoint.size:012d}-{published.signed_at}.note"
        key = f"{self._prefix}/{name}" if self._prefix else name
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=note, ContentType="text/plain", IfNoneMatch="*", **self._lock()
            )
        except Exception as error:
            if _code(error) in _THERE:
                return self._held_before(key, note)
            raise _refusal(error) from None
        return Held("it was written")

    def _held_before(self, key: str, note: bytes) -> Held:
        try:
            there = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except Exception as error:
            raise _refusal(error) from None
        if there != note:
            raise AnchorContradicts(f"{key} holds another checkpoint", evidence=there)
        return Held("it was written")

    def _lock(self) -> dict[str, Any]:
        if not self._locked:
            return {}
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + self._locked}


def _client(endpoint: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise AnchorUnusable("boto3 is not installed here; it comes with requirements/deploy.txt") from None
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, retries={"max_attempts": 0})
    return boto3.client("s3", endpoint_url=endpoint or None, config=config)


def _code(error: Exception) -> str:
    """Give what an answer of the store says was wrong; nothing where there was no answer."""
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""


def _refusal(error: Exception) -> AnchorRefused:
    """Tell what is to be tried again from what somebody has to configure; raises what is no error of the store's."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    if isinstance(error, NoCredentialsError | NoRegionError):
        return AnchorUnusable(str(error))
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        words = f"it answers {status} {_code(error)}"
        return AnchorUnusable(words) if 400 <= status < 500 and status not in {408, 409, 429} else AnchorAway(words)
    if isinstance(error, BotoCoreError):
        return AnchorAway(f"it does not answer ({type(error).__name__})")
    raise error
