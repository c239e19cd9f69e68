"""Where a request came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

MAX_CHARACTERS = 64


def client_address(meta: Mapping[str, Any]) -> str:
    """Give the caller's address; forwarded ones count only behind as many proxies as are configured."""
    hops = [hop.strip() for hop in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()]
    trusted: int = settings.AWE_TRUSTED_PROXIES
    if trusted and len(hops) >= trusted:
        return hops[-trusted][:MAX_CHARACTERS]
    return str(meta.get("REMOTE_ADDR", ""))[:MAX_CHARACTERS]
