"""STA-08: every variable that a service needs is in the environment of its process, and was set for real.

Looked at is the environment that the service's process was started with (/proc/PID/environ, by its pid_file) for the
names in `[services.*] required_environment`; where NAME is not there but NAME_FILE is, the file that it names.
Fail: `config.missing`, `config.empty`, `config.file_unusable` (NAME_FILE names no readable file). Warn:
`config.placeholder`: the value is to be replaced (`changeme`, `your-secret`, `<password>`, `${NOT_EXPANDED}` ...), a
secret or the password in a URL is a word from examples (`admin`, `postgres`, `secret` ...), or its SHA-256 is one of
`default_values`. Pass: `config.present`. Skip: `config.no_process` (it does not run; other checks say so). Error:
not_permitted, environment_overwritten (programs that write their title there), one per service. No thresholds.
Values stay in the process that looks. Evidence shows for each name an HMAC-SHA256 under the stack's own key, 8 hex
digits, the same as in marks of redacted logs: equal means equal, so that a secret that differs between services shows.
What a service has changed in its own environment after its start cannot be seen; only a restart would bring it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.placeholders import placeholder
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import read_bounded
from diagnostics.probes.host import folder_of_process, process_environment
from diagnostics.stack import Service, StackConfig

MAX_SECRET_BYTES = 64 * 1024
FILE_SUFFIX = "_FILE"
TROUBLES = {"missing": "is not set", "empty": "is empty", "file_unusable": "cannot be read from its file"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of a service; `value` is None where it has none."""

    name: str
    value: str | None = field(repr=False)
    trouble: str = ""  # a key of TROUBLES
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class ConfigPresence(Check):
    """Each service that says which variables it needs."""

    slug: ClassVar[str] = "startup.config_presence"
    title: ClassVar[str] = "Services have the settings and secrets that they need, and no placeholders"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "auth"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to processes of this host that say what they need."""
        if stack.vantage != "process":
            return "the stack runs in containers; their environment is not looked at from here"
        return None if _services(stack) else "no service names both pid_file and required_environment"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at one service after the other."""
        yield from look_at_each(
            seeing, _services(seeing.stack), lambda one: _service(seeing, one), named=lambda one: one.name
        )


def _services(stack: StackConfig) -> list[Service]:
    return [one for one in stack.services.values() if one.required_environment and one.pid_file]


def _service(seeing: Seeing, service: Service) -> Iterator[Finding]:
    seeing.seconds_left()
    assert service.pid_file is not None
    names = dict.fromkeys(service.required_environment)
    try:
        found = process_environment(service.pid_file, [*names, *(name + FILE_SUFFIX for name in names)])
        folder = folder_of_process(service.pid_file)
    except ProcessUnknown as unknown:
        text = seeing.clean(f"{service.name}: {unknown.text}")
        yield Finding(state=State.SKIP, code="config.no_process", message=text, target=service.name)
        return
    settings = [_setting(name, found, folder) for name in names]
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


def _setting(name: str, found: Mapping[str, str], folder: Path) -> Setting:
    """Find a value, or what is the matter with it."""
    value, place = found.get(name), found.get(name + FILE_SUFFIX)
    if value is None and place:
        try:
            data = read_bounded(folder / place, max_bytes=MAX_SECRET_BYTES)
        except FileUnusable as unusable:
            return Setting(name, None, "file_unusable", unusable.text)
        value = data.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if value is None:
        return Setting(name, None, "missing")
    return Setting(name, value, "" if value.strip().strip("'\"") else "empty")


def _line(seeing: Seeing, one: Setting) -> str:
    if one.trouble or one.value is None:
        return f"{one.trouble.replace('_', ' '):8} -------- {one.name}"
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
