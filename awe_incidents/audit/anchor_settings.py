"""Which anchors there are, by the environment (docs/deployment.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from awe_incidents.audit.anchoring import Paced
from awe_incidents.audit.cosignature import now
from awe_incidents.audit.errors import AnchorUnusable, KeyRefused
from awe_incidents.audit.mailing import MailPush
from awe_incidents.audit.note import PublicKey
from awe_incidents.audit.object_store import ObjectStorePush
from awe_incidents.audit.pushes import FolderPush, GitPush
from awe_incidents.audit.witness_client import WitnessClient
from awe_incidents.env import env

WITNESS_SECONDS = 60
OTHERS_SECONDS = 3600


def configured_anchors() -> list[Paced]:
    """Give the anchors that are configured; raises AnchorUnusable, naming the variable."""
    anchors = [*_witnesses(), *_timestamps(), *_pushes()]
    names = [one.anchor.name for one in anchors]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise AnchorUnusable(f"{repeated} is configured twice; give all keys of a witness on one line")
    return anchors


def _witnesses() -> list[Paced]:
    every_seconds = _seconds("AWE_ANCHOR_SECONDS", WITNESS_SECONDS)
    lines = (line.split() for line in _text("AWE_TRAIL_WITNESSES").splitlines())
    return [Paced(_witness(words), every_seconds) for words in lines if words and not words[0].startswith("#")]


def _witness(words: list[str]) -> WitnessClient:
    url, *vkeys = words
    if urlsplit(url).scheme not in {"http", "https"} or not vkeys:
        raise AnchorUnusable("a line of AWE_TRAIL_WITNESSES is an address (http or https) and the witness's key")
    try:
        keys = [PublicKey.parse(vkey) for vkey in vkeys]
        if len({key.name for key in keys}) > 1:
            raise AnchorUnusable("a line of AWE_TRAIL_WITNESSES has keys of several witnesses; give each its own line")
        return WitnessClient(url, keys, clock=now)
    except KeyRefused as error:
        raise AnchorUnusable(f"AWE_TRAIL_WITNESSES has a key that cannot be used: {error}") from None


def _timestamps() -> Iterator[Paced]:
    url, certificates = _text("AWE_TRAIL_TSA"), _text("AWE_TRAIL_TSA_CERTIFICATES")
    if not url:
        return
    if urlsplit(url).scheme not in {"http", "https"} or not certificates:
        raise AnchorUnusable("AWE_TRAIL_TSA is an http address, and AWE_TRAIL_TSA_CERTIFICATES the path of a PEM file")
    from awe_incidents.audit.timestamping import TimestampAuthority, read_certificates  # few have one, and it is large

    every_seconds = _seconds("AWE_TRAIL_TSA_SECONDS", OTHERS_SECONDS)
    yield Paced(TimestampAuthority(url, read_certificates(Path(certificates)), clock=now), every_seconds)


def _pushes() -> Iterator[Paced]:
    every_seconds = _seconds("AWE_TRAIL_PUSH_SECONDS", OTHERS_SECONDS)
    if folder := _text("AWE_TRAIL_PUSH_FOLDER"):
        yield Paced(FolderPush(Path(folder)), every_seconds)
    if clone := _text("AWE_TRAIL_PUSH_GIT"):
        yield Paced(GitPush(Path(clone)), every_seconds)
    if store := _text("AWE_TRAIL_PUSH_S3"):
        endpoint, days = _text("AWE_TRAIL_S3_ENDPOINT"), _whole("AWE_TRAIL_S3_LOCK_DAYS", 0, least=0, most=36_500)
        yield Paced(ObjectStorePush(store, endpoint=endpoint, locked_days=days), every_seconds)
    if to := _text("AWE_TRAIL_PUSH_MAIL"):
        server, sender = _text("AWE_TRAIL_MAIL_SERVER"), _text("AWE_TRAIL_MAIL_FROM") or to
        yield Paced(MailPush(to, sender=sender, server=server), every_seconds)


def _text(name: str) -> str:
    return str(env.ENVIRON.get(name, ""))


def _seconds(name: str, default: int) -> int:
    return _whole(name, default, least=1, most=86_400)


def _whole(name: str, default: int, *, least: int, most: int) -> int:
    text = _text(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise AnchorUnusable(f"{name} is a whole number from {least} to {most}, not {text}")
    return int(text)
