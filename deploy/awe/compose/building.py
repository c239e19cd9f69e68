"""Build the images: a slimmed Debian tree by debootstrap and `docker import`, then one image a service.

No registry is needed. An image bears a digest of what it was made of as the label `awe.source`, so that building again
does nothing where nothing changed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy.awe.compose.engine import HOME
from deploy.awe.compose.errors import BuildFailed
from deploy.awe.process.layout import APPLICATION, CHECKOUT

IMAGES = Path(__file__).parent / "images"
SERVICES = ("database", "pgbouncer", "redis", "caddy", "app")
LOCKED = CHECKOUT / "requirements" / "awe.txt"
TAG = "2"  # stands in the Dockerfiles and the compose files, too
BASE = f"awe/base:{TAG}"
LABEL = "awe.source"
PYTHON_VERSION = "3.11.2"  # Debian 12's, in the image
SLIM = """\
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/lintian/*
"""
SETTINGS = (
    'CMD ["/bin/bash"]',
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
)


def image(service: str) -> str:
    """Give the name of an image."""
    return f"awe/{service}:{TAG}"


def build_images(host: str, *, home: Path = HOME, say: Callable[[str], None] = print, anew: bool = False) -> None:
    """Build what is missing or was made of something else.

    Raises: BuildFailed.
    """
    home.mkdir(parents=True, exist_ok=True)
    if anew or not _label(host, BASE):
        say("base: debootstrap and import (about a minute)")
        _import_base(host, _tree(home), log=home / "build-base.log")
    for service in SERVICES:
        wanted = _digest(service)
        if anew or _label(host, image(service)) != wanted:
            say(f"{service}: docker build")
            _build(host, service, wanted, log=home / f"build-{service}.log")


def _tree(home: Path) -> Path:
    """Make the Debian tree, from the sources that this machine itself uses."""
    tree = home / "rootfs"
    if not (tree / "bin" / "bash").exists():
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        arguments = ["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(tree)]
        _run(arguments, log=home / "build-base.log")
    (tree / "etc/dpkg/dpkg.cfg.d").mkdir(parents=True, exist_ok=True)
    (tree / "etc/dpkg/dpkg.cfg.d/01-slim").write_text(SLIM)
    (tree / "etc/apt/apt.conf.d/90slim").write_text('Acquire::Languages "none";\n')
    starts_nothing = tree / "usr/sbin/policy-rc.d"
    starts_nothing.write_text("#!/bin/sh\nexit 101\n")
    starts_nothing.chmod(0o755)
    for folder in ("usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "var/cache/apt"):
        shutil.rmtree(tree / folder, ignore_errors=True)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)
    for source in ("etc/apt/sources.list", "etc/apt/sources.list.d/debian.sources"):
        if Path("/", source).is_file():
            (tree / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path("/", source), tree / source)
        else:
            (tree / source).unlink(missing_ok=True)
    return tree


def _import_base(host: str, tree: Path, *, log: Path) -> None:
    changes = [part for setting in (*SETTINGS, f"LABEL {LABEL}=base") for part in ("--change", setting)]
    packing = subprocess.Popen(
        ["tar", "-C", str(tree), "-c", "--exclude=./proc/*", "--exclude=./sys/*", "."], stdout=subprocess.PIPE
    )
    with packing, log.open("ab") as file:
        done = subprocess.run(
            ["docker", "-H", host, "import", *changes, "-", BASE],
            stdin=packing.stdout,
            stdout=file,
            stderr=file,
            check=False,
        )
    if done.returncode:
        raise BuildFailed(f"docker import failed; see {log}")


def _build(host: str, service: str, digest: str, *, log: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="awe-image-") as folder:
        context = Path(folder) / service
        shutil.copytree(IMAGES / service, context)
        if service == "app":
            _add_application(context, log=log)
        arguments = ["docker", "-H", host, "build", "--network", "host", "--label", f"{LABEL}={digest}"]
        _run([*arguments, "-t", image(service), str(context)], log=log, DOCKER_BUILDKIT="0")


def _add_application(context: Path, *, log: Path) -> None:
    """Put the code and the locked packages beside the Dockerfile, for the image's own Python."""
    ignored = shutil.ignore_patterns("__pycache__", ".ruff_cache", "ruff.toml")
    shutil.copytree(APPLICATION, context / "app", ignore=ignored)
    # uv, as pip would read the lock file's conditions with the Python that runs here.
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    image_python = [f"--python-version={PYTHON_VERSION}", f"--python-platform={platform.machine()}-manylinux_2_28"]
    target = f"--target={context / 'site-packages'}"
    _run([*uv, "--only-binary=:all:", *image_python, target, "-r", str(LOCKED)], log=log)


def _run(arguments: list[str], *, log: Path, **environment: str) -> None:
    with log.open("ab") as file:
        done = subprocess.run(
            arguments, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=os.environ | environment, check=False
        )
    if done.returncode:
        tail = " | ".join(log.read_text(errors="replace").splitlines()[-3:])
        raise BuildFailed(f"{arguments[0]} failed; {log} ends with: {tail}")


def _label(host: str, name: str) -> str:
    done = subprocess.run(
        ["docker", "-H", host, "image", "inspect", "-f", f'{{{{index .Config.Labels "{LABEL}"}}}}', name],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _digest(service: str) -> str:
    folders = [IMAGES / service, *([APPLICATION] if service == "app" else [])]
    total = hashlib.sha256(LOCKED.read_bytes() if service == "app" else b"")
    for path in sorted(_files(folders)):
        total.update(f"{path.relative_to(CHECKOUT)}\0{path.stat().st_mode & 0o111:o}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _files(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not {"__pycache__", ".ruff_cache"} & set(path.parts):
                yield path
