"""An image of this machine's static busybox, for containers that only have to be there: nothing can be pulled."""

from __future__ import annotations

import io
import shutil
import tarfile
from contextlib import closing
from pathlib import Path

import docker

from deploy.awe.compose.errors import EngineMissing

APPLETS = ("sh", "id", "sleep", "df", "nc", "cat")


def import_busybox(engine: str, *, image: str) -> None:
    """Make an image of that name in the engine at that address; images of two tags differ, by a label.

    Raises: EngineMissing, where there is no busybox here; docker.errors.DockerException.
    """
    found = shutil.which("busybox")
    if found is None:
        raise EngineMissing("no busybox is installed here: apt-get install busybox-static")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(Path(found).resolve(), arcname="bin/busybox")
        for name in APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    repository, _, tag = image.partition(":")
    with closing(docker.DockerClient(base_url=engine, timeout=60)) as client:
        client.api.import_image_from_data(
            content.getvalue(), repository=repository, tag=tag, changes=[f"LABEL version={tag}"]
        )
