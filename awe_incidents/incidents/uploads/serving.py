"""How bytes of strangers leave: as a download that no browser interprets, under a name that fits what they are."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import quote

ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg"}
TEXT_ENDINGS = {".txt", ".log", ".md", ".csv", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".ini", ".conf"}
POLICY = "default-src 'none'; sandbox"


def download_name(label: str, media_type: str) -> str:
    """Give the name to save under: its ending must not make a program or a page of it."""
    if ending := ENDINGS.get(media_type):
        return f"{PurePath(label).stem}{ending}"
    return label if PurePath(label).suffix.lower() in TEXT_ENDINGS else f"{label}.txt"


def download_headers(*, label: str, media_type: str, sha256: str) -> dict[str, str]:
    """Give the headers of an answer that holds an attachment's content."""
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    name = download_name(label, media_type)
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in name)
    return {
        "Content-Type": f"{media_type}{charset}",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": f'"{sha256}"',  # the content under a digest never changes
    }
