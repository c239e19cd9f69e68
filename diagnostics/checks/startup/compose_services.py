"""STA-02: every service of the stack has a container, made of the image and by the compose file that are there now.

Fail: `compose.invalid` (a compose file cannot be read as YAML, with the line; containers that run go on, and the next
`up` fails), `compose.missing`, `compose.not_services` (no `services` in it), `service.image_missing` (no container, and
the image that the compose file names is not there: it cannot have been pulled or built), `service.no_container`. Warn:
`service.other_image` (the compose file names another image than the container was made of), `service.not_in_file` (the
stack describes a service that no compose file has). Pass: `services.all_there`. Expected are the services of stack.toml
and those of the compose files (not those behind profiles). Exact, no threshold. Cannot see: what an `up` would change
beyond the image, as both spellings of Compose work that out by themselves only. Each container's image, configuration
(Compose's own hash of it), names of environment variables (never values) and memory limit are noted as
`service.made_of`, each readable compose file's digest as `compose.read`: a later diagnosis says which of them changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.containers import down_key
from diagnostics.checks.result import NAMES, Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.startup.engine import NO_CONTAINERS
from diagnostics.probes.compose_file import ComposeFileInvalid, read_compose_file
from diagnostics.probes.engine import Seen
from diagnostics.probes.errors import FileUnusable
from diagnostics.stack import StackConfig

CONFIGURATION_LABEL = "com.docker.compose.config-hash"

Noted = tuple[str, str, Mapping[str, tuple[str | int, str]]]  # code, target, values with their units


@dataclass(frozen=True, kw_only=True)
class Services:
    """What should be there: services by name, with the image that a compose file names for each."""

    images: Mapping[str, str]
    described: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Give every service that should have a container."""
        return sorted({*self.images, *self.described})


@dataclass(frozen=True, kw_only=True)
class ComposeServices(Check):
    """Compose files, images and containers, side by side."""

    slug: ClassVar[str] = "startup.compose_services"
    title: ClassVar[str] = "Every service has a container, and the compose files are valid"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to stacks of containers."""
        return None if stack.vantage == "container" else NO_CONTAINERS

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Read the compose files first, as what should be there stands in them."""
        engine = seeing.stack.engine
        assert engine is not None
        images: dict[str, str] = {}
        troubled: list[Finding] = []
        read: list[Path] = []
        for name in engine.compose_files:
            try:
                document = read_compose_file(seeing.stack.root / name)
            except (ComposeFileInvalid, FileUnusable) as refusal:
                troubled.append(_invalid(seeing, seeing.stack.root / name, refusal))
            else:
                images |= _images(document)
                read.append(seeing.stack.root / name)
        yield from troubled
        services = Services(images=images, described=tuple(seeing.stack.services))
        yield from _containers(seeing, services, is_file_known=bool(images), is_troubled=bool(troubled))
        yield from _what_lasts(seeing, read)


def _images(document: Mapping[str, Any]) -> dict[str, str]:
    services = document.get("services") or {}
    return {
        str(name): str(one.get("image", ""))
        for name, one in services.items()
        if isinstance(one, Mapping) and not one.get("profiles")
    }


def _invalid(seeing: Seeing, path: Path, refusal: ComposeFileInvalid | FileUnusable) -> Finding:
    lines = refusal.lines if isinstance(refusal, ComposeFileInvalid) else ()
    evidence = seeing.keep("file_stat", source=str(path), content=[refusal.text, *lines])
    code = refusal.code if isinstance(refusal, ComposeFileInvalid) else "compose.missing"
    return Finding(
        state=State.FAIL,
        code=code,
        message=seeing.clean(refusal.text),
        target=str(path),
        citations=(evidence.whole(),),
        blocks=False,
    )


def _containers(seeing: Seeing, services: Services, *, is_file_known: bool, is_troubled: bool) -> Iterator[Finding]:
    containers = seeing.surroundings.containers()
    rows = [
        f"{one.service}: {one.status}, image {(one.attributes.get('Config') or {}).get('Image', '')} ({one.image[:19]})"
        for seen in containers.values()
        for one in seen
    ]
    missing = [name for name in services.names if name not in containers]
    evidence = seeing.keep(
        "inspect_json",
        source="containers of the project",
        content=[*rows, *(f"{name}: no container" for name in missing)] or ["no containers"],
    )
    findings = [_missing(seeing, services, name, evidence) for name in missing]
    findings += _differences(seeing, services, evidence, is_file_known=is_file_known)
    yield from findings
    if not findings and not is_troubled:
        yield Finding(
            state=State.PASS,
            code="services.all_there",
            message=f"all {len(services.names)} services have a container",
            measured={"services": Measurement(len(services.names))},
            citations=(evidence.whole(),),
        )


def _missing(seeing: Seeing, services: Services, name: str, evidence: Evidence) -> Finding:
    image = services.images.get(name, "")
    is_absent = bool(image) and seeing.surroundings.engine().image(image) is None
    words = f"it has no container, and its image {image} is not on the engine" if is_absent else "it has no container"
    seeing.hand_over(down_key(name), "absent")
    return Finding(
        state=State.FAIL,
        code="service.image_missing" if is_absent else "service.no_container",
        message=seeing.clean(f"{name}: {words}"),
        target=name,
        measured={"image": Measurement(image)},
        citations=(evidence.whole(),),
        blocks=False,
    )


def _differences(seeing: Seeing, services: Services, evidence: Evidence, *, is_file_known: bool) -> Iterator[Finding]:
    for name, seen in seeing.surroundings.containers().items():
        made_of = str((seen[-1].attributes.get("Config") or {}).get("Image", ""))
        wanted = services.images.get(name, "")
        if wanted and made_of and "$" not in wanted and wanted != made_of:
            yield Finding(
                state=State.WARN,
                code="service.other_image",
                message=seeing.clean(f"{name}: the compose file names {wanted}, its container was made of {made_of}"),
                target=name,
                citations=(evidence.whole(),),
                blocks=False,
            )
    for name in services.described if is_file_known else ():
        if name not in services.images:
            yield Finding(
                state=State.WARN,
                code="service.not_in_file",
                message=f"{name}: the stack describes it, and no compose file that the stack names has it",
                target=name,
                citations=(evidence.whole(),),
                blocks=False,
            )


def _what_lasts(seeing: Seeing, compose_files: Sequence[Path]) -> Iterator[Finding]:
    """Note what stays as it is until somebody changes the stack."""
    facts = [
        *(_made_of(name, seen[-1]) for name, seen in sorted(seeing.surroundings.containers().items())),
        *(_digest(path) for path in compose_files),
    ]
    if not facts:
        return
    lines = [
        f"{code} {target}: " + ", ".join(f"{name} {value}" for name, (value, _) in known.items())
        for code, target, known in facts
    ]
    evidence = seeing.keep("inspect_json", source="what containers are made of", content=lines)
    for line, (code, target, known) in enumerate(facts, start=1):
        yield Finding(
            state=State.PASS,
            code=code,
            message=f"{target}: noted, to be compared with later",
            target=target,
            measured={name: Measurement(value, unit, lasts=True) for name, (value, unit) in known.items()},
            citations=(evidence.lines(line),),
        )


def _made_of(service: str, container: Seen) -> Noted:
    configured = container.attributes.get("Config") or {}
    names = {str(one).partition("=")[0] for one in configured.get("Env") or []}
    limit = int((container.attributes.get("HostConfig") or {}).get("Memory") or 0)
    known: dict[str, tuple[str | int, str]] = {
        "image": (container.image, ""),
        "configuration": (container.labels.get(CONFIGURATION_LABEL, ""), ""),
        "environment": (" ".join(sorted(names)), NAMES),
        "memory_limit": (limit, "B"),
    }
    return "service.made_of", service, known


def _digest(path: Path) -> Noted:
    return "compose.read", str(path), {"sha256": (hashlib.sha256(path.read_bytes()).hexdigest(), "")}
