"""STA-08: every variable that a service needs is in the environment of its process, and was set for real.

Looked at is the environment that the service's process was started with (/proc/PID/environ, by its pid_file) for the
names in `[services.*] required_environment`; where NAME is not there but NAME_FILE is, the file that it names.
Of a container it is the environment of its configuration (inspect) and, by a shell in it that gives names and never
values, that of its own processes: an entrypoint may have set a variable, or taken it away, before it started the
service.
Fail: `config.missing`, `config.empty`, `config.file_unusable` (NAME_FILE names no readable file). Warn:
`config.placeholder`: the value is to be replaced (`changeme`, `your-secret`, `<password>`, `${NOT_EXPANDED}` ...), a
secret or the password in a URL is a word from examples (`admin`, `postgres`, `secret` ...), or its SHA-256 is one of
`default_values`. Pass: `config.present`. Skip: `config.no_process` (it does not run; other checks say so). Error:
not_permitted, environment_overwritten (programs that write their title there), engine.timeout, one per service. No
thresholds.
Values stay in the process that looks. Evidence shows for each name an HMAC-SHA256 under the stack's own key, 8 hex
digits, the same as in marks of redacted logs: equal means equal, so that a secret that differs between services shows.
What a service has changed in its own environment after its start cannot be seen; only a restart would bring it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.placeholders import placeholder
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.settings import FILE_SUFFIX, MAX_SECRET_BYTES, Setting, setting, wanted_names
from diagnostics.checks.settings_inside import settings_inside
from diagnostics.probes.engine_failures import ContainerStopped
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.files import read_bounded
from diagnostics.probes.host import folder_of_process, process_environment
from diagnostics.stack import Service, StackConfig

TROUBLES = {"missing": "is not set", "empty": "is empty", "file_unusable": "cannot be read from its file"}


@dataclass(frozen=True, kw_only=True)
class ConfigPresence(Check):
    """Each service that says which variables it needs."""

    slug: ClassVar[str] = "startup.config_presence"
    title: ClassVar[str] = "Services have the settings and secrets that they need, and no placeholders"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "auth"})

    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to services that say what they need, and where they live."""
        if _services(stack):
            return None
        if stack.vantage == "container":
            return "no service names required_environment"
        return "no service names both pid_file and required_environment"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at one service after the other."""
        yield from look_at_each(
            seeing, _services(seeing.stack), lambda one: _service(seeing, one), named=lambda one: one.name
        )


def _services(stack: StackConfig) -> list[Service]:
    is_container = stack.vantage == "container"
    return [one for one in stack.services.values() if one.required_environment and (is_container or one.pid_file)]


def _service(seeing: Seeing, service: Service) -> Iterator[Finding]:
    seeing.seconds_left()
    try:
        settings = settings_inside(seeing, service) if seeing.surroundings.is_container else _of_process(service)
    except (ProcessUnknown, ContainerStopped) as unknown:
        text = seeing.clean(f"{service.name}: {unknown}")
        yield Finding(state=State.SKIP, code="config.no_process", message=text, target=service.name)
        return
    lines = [_line(seeing, one) for one in settings]
    evidence = seeing.keep("command", source=f"names in the environment of {service.name}", content=lines)
    findings = [
        _finding(seeing, service, one, said=said, citation=evidence.lines(number))
        for number, one in enumerate(settings, start=1)
        if (said := _said(one, service))
    ]
    yield from findings or [
        Finding(
            state=State.PASS,
            code="config.present",
            message=f"{service.name} has all {len(settings)} settings that it needs",
            target=service.name,
            measured={"settings": Measurement(len(settings))},
            citations=(evidence.whole(),),
        )
    ]


def _of_process(service: Service) -> list[Setting]:
    """Raises: ProcessUnknown, NotPermitted, CouldNotLook."""
    assert service.pid_file is not None
    names = wanted_names(service)
    found = process_environment(service.pid_file, [*names, *(name + FILE_SUFFIX for name in names)])
    folder = folder_of_process(service.pid_file)
    return [
        setting(name, found, lambda place: read_bounded(folder / place, max_bytes=MAX_SECRET_BYTES)) for name in names
    ]


def _line(seeing: Seeing, one: Setting) -> str:
    if one.trouble or one.value is None:
        return (
            f"{(one.trouble or 'present').replace('_', ' '):8} -------- {one.name}{f' ({one.why})' if one.why else ''}"
        )
    return f"present  {seeing.redactor.fingerprint(one.value)} {one.name}"


def _said(one: Setting, service: Service) -> str:
    """Say what is the matter with a setting, "" where nothing is."""
    if one.trouble:
        return f"{TROUBLES[one.trouble]}: {one.why}" if one.why else TROUBLES[one.trouble]
    return placeholder(one.name, one.value or "", default_values=service.default_values)


def _finding(seeing: Seeing, service: Service, one: Setting, *, said: str, citation: Citation) -> Finding:
    return Finding(
        state=State.FAIL if one.trouble else State.WARN,
        code=f"config.{one.trouble or 'placeholder'}",
        message=seeing.clean(f"{service.name}: {one.name} {said}"),
        target=service.name,
        citations=(citation,),
    )
