"""The files that a stack's description names, and what each is to the stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from diagnostics.stack import StackConfig, TlsFiles


@dataclass(slots=True)
class NamedFile:
    """One file; a file that is named twice has both roles."""

    path: Path
    roles: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)  # services that must be able to read it
    is_key: bool = False
    is_secret: bool = False
    is_missed_elsewhere: bool = True  # another check says where it is missing
    known_as: str = ""  # what a finding is about, where that is not the path

    @property
    def target(self) -> str:
        """Give what a finding is about."""
        return self.known_as or str(self.path)

    def __str__(self) -> str:
        """Give path and roles."""
        return f"{self.path} ({', '.join(dict.fromkeys(self.roles))})"


class NamedFiles(dict[Path, NamedFile]):
    """The files by path."""

    @classmethod
    def of(cls, stack: StackConfig) -> NamedFiles:
        """Collect what services, secrets, the engine and [tls.*] name."""
        named = cls()
        for service in stack.services.values():
            for path in service.files:
                one = named._add(path, f"a file of {service.name}", readers=[service.name])
                one.is_missed_elsewhere = False
            for path in service.log_files:
                named._add(path, f"a log of {service.name}")
        for reference in stack.secret_references():
            if reference.kind == "file":
                named._add(stack.root / reference.place, "a secret").is_secret = True
        for name in stack.engine.compose_files if stack.engine else ():
            named._add(stack.root / name, "a compose file").is_missed_elsewhere = False
        for files in stack.tls.values():
            services = [one.service for one in stack.endpoints.values() if one.tls == files.name]
            named._add_tls(files, readers=services)
        return named

    def _add(self, path: Path, role: str, *, readers: list[str] | None = None) -> NamedFile:
        one = self.setdefault(path, NamedFile(path))
        one.roles.append(role)
        one.readers += readers or []
        return one

    def _add_tls(self, files: TlsFiles, *, readers: list[str]) -> None:
        """Add certificates and keys; the server's own are read by the service behind the endpoint."""
        for role in ("ca", "client_ca", "server_certificate", "server_key", "client_certificate", "client_key"):
            if path := getattr(files, role):
                is_servers = role in {"server_certificate", "server_key", "client_ca"}
                one = self._add(path, f"{role} of [tls.{files.name}]", readers=readers if is_servers else None)
                one.is_key = one.is_key or role.endswith("_key")
