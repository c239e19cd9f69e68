"""What the actions on certificates share: which files and services, replaced as a set, and seen from outside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import (
    WHOLE_STACK,
    Acting,
    Action,
    ActionFailed,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
)
from awe_incidents.recovery.actions.certificate_files import Found, Table, marks, serials, table_of
from awe_incidents.recovery.actions.issuing import CLIENT, SERVER, Pair, Wanted
from awe_incidents.recovery.actions.keeping import KEPT, Change, Terms, kept_sets, not_writable, replace_files
from awe_incidents.recovery.actions.outside import settled
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.restarting import containers_of, restart, user_of
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.digest import digest_of
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.stack import StackConfig

SETTLE_SECONDS = 60.0
PROBE_SECONDS = 20.0
KEY_MODE, CERTIFICATE_MODE = 0o600, 0o644
WORKER_ITSELF = (-1, -1)


@dataclass(frozen=True, kw_only=True)
class TableParameters(Parameters):
    """Which certificates, and who else reads them."""

    tls: str = parameter(
        "Name of the [tls.*] table in the stack's description; the only one that endpoints use where it is left out.",
        default="",
        minLength=0,
    )
    restart: tuple[str, ...] = parameter(
        "Further services that read these files at their start only, such as one that holds the client certificate.",
        default=(),
    )


class Certify(Action[Any]):
    """Base of the actions that replace certificate files."""

    tier: ClassVar[int] = 2

    @abstractmethod
    def makes(self, table: Table, found: Mapping[str, Found], parameters: Any) -> dict[str, str]:
        """Give the roles that get other files, each with the reason. Raises: ActionNotApplicable, NotPermitted."""

    @abstractmethod
    def changes(self, acting: Acting[Any], table: Table) -> list[Change]:
        """Make the new files; private keys are in here and nowhere else. Raises: ActionNotApplicable, NotPermitted."""

    @abstractmethod
    def replaces(self, table: Table, roles: Iterable[str]) -> list[Path]:
        """Give the files that will be others."""

    def not_applicable(self, stack: StackConfig, parameters: Any) -> str | None:
        """Apply only where a table, its server's files and an endpoint are described."""
        try:
            table_of(stack, parameters.tls)
        except ActionNotApplicable as refusal:
            return str(refusal)
        unknown = [one for one in parameters.restart if one not in stack.services]
        return f"stack {stack.name} has no service {unknown[0]}" if unknown else None

    def target(self, stack: StackConfig, parameters: Any) -> str:
        """Lock the service that serves them, or everything where others read them, too."""
        table = table_of(stack, parameters.tls)
        services = readers(stack, table, ("ca", "server", "client"), parameters.restart)
        return services[0] if len(services) == 1 else WHOLE_STACK

    def fingerprint(self, site: Site, parameters: Any) -> Mapping[str, Any]:
        """Give what lies there (checksums, of keys their public half), what will be made, and who reads it."""
        table = table_of(site.stack, parameters.tls)
        found = table.found()
        makes = self.makes(table, found, parameters)
        return {
            "table": table.files.name,
            "files": marks(table.places),
            "serials": serials(found),
            "makes": {role: site.clean(because) for role, because in makes.items()},
            "replaces": [str(path) for path in self.replaces(table, makes)],
            "services": containers_of(site, readers(site.stack, table, makes, parameters.restart)),
            "server_owner": list(self.server_owner(site, table, makes)),
        }

    def server_owner(self, site: Site, table: Table, roles: Iterable[str]) -> tuple[int, int]:
        """Give whose the server's files will be where there are none to go by."""
        place = table.place("server")
        if place is None or "server" not in roles or all(path.exists() for path in place.paths):
            return WORKER_ITSELF
        return user_of(site, table.endpoints[0].service)

    def plan(self, acting: Acting[Any]) -> Plan:
        """Say who is cut off, and how to go back."""
        services = list(acting.facts["services"])
        kept = table_in(acting).home / KEPT
        cut = (f"connections that {' and '.join(services)} serve at the restart",) if services else ()
        return Plan(
            destroys=(*cut, *self.losses(acting)),
            way_back=f"certificates.put_back puts the former files back, which are kept below {kept}",
            warnings=(
                f"the former private keys stay below {kept} (mode 0700) until certificates.prune_kept removes them",
                *self.warnings(acting),
            ),
        )

    def losses(self, acting: Acting[Any]) -> tuple[str, ...]:
        """Give what is lost besides connections."""
        return ()

    def warnings(self, acting: Acting[Any]) -> tuple[str, ...]:
        """Give what people have to think of."""
        if acting.site.stack.engine is not None or not acting.facts["services"]:
            return ()
        return ("a process without a supervisor in the stack's folder is told to end: what keeps it up must start it",)

    def prechecks(self, acting: Acting[Any]) -> Iterator[str]:
        """Refuse where the worker cannot write the files, or not for their owners."""
        owner = tuple(acting.facts["server_owner"])
        server = table_in(acting).place("server")
        wanted = []
        for path in map(Path, acting.facts["replaces"]):
            fallback = owner if server and path in server.paths else WORKER_ITSELF
            wanted.append((path, _mode_and_owner(path, 0, fallback)[1]))
        yield from not_writable(wanted, table_in(acting).home)

    def steps(self, acting: Acting[Any]) -> Sequence[Step]:
        """Give the one step, so that nobody can cancel it half-way."""
        services = ", ".join(acting.facts["services"])
        what = ", ".join(f"{role} ({because})" for role, because in acting.facts["makes"].items())
        title = f"{self.title}: {what}. Keep the former files" + (f", restart {services}" if services else "")
        return [Step("replace", title, partial(self._replace, acting))]

    def verify(self, acting: Acting[Any]) -> Verified:
        """See that the files are other ones and fit together, and come to the doors as clients do."""
        table, facts = table_in(acting), acting.facts
        seen = settled(table, seconds=SETTLE_SECONDS)
        found = table.found()
        wrong = self.still_wrong(acting, table, found)
        after = {**serials(found), **{f"served at {name}": serial for name, serial in seen.served.items()}}
        text = "; ".join([*wrong, seen.text])
        return Verified(is_good=not wrong and not seen.wrong, text=text, before=facts["serials"], after=after)

    def still_wrong(self, acting: Acting[Any], table: Table, found: Mapping[str, Found]) -> list[str]:
        """Give what is wrong with the files themselves."""
        now = marks(table.places)
        wrong = [
            f"{path} is as before" for path in acting.facts["replaces"] if now[path] == acting.facts["files"][path]
        ]
        reasons = {role: table.wrong(role, found) for role in acting.facts["makes"]}
        return wrong + [f"{role}: {reason}" for role, reason in reasons.items() if reason]

    def probe(self, acting: Acting[Any]) -> Probed:
        """Look which files are others, and whether they are served."""
        table, facts = table_in(acting), acting.facts
        digest, now = digest_of(facts), marks(table.places)
        if not any(one.terms == digest for one in kept_sets(table.home)):
            return Probed.NOT_STARTED  # nothing is changed before the former files are kept
        changed = [path for path in facts["replaces"] if now[path] != facts["files"][path]]
        if not changed:
            return Probed.CANNOT_TELL  # it may be about to
        if len(changed) < len(facts["replaces"]) or self.still_wrong(acting, table, table.found()):
            return Probed.FINISHED_BADLY
        return Probed.FINISHED_WELL if self.is_served(table) else Probed.FINISHED_BADLY

    def is_served(self, table: Table) -> bool:
        """Say whether clients see what was put in place, and accept it."""
        return not settled(table, seconds=PROBE_SECONDS).wrong

    def _replace(self, acting: Acting[Any], doing: Doing) -> None:
        table, facts = table_in(acting), acting.facts
        try:
            changes = self.changes(acting, table)
        except (ActionNotApplicable, NotPermitted, FileUnusable, OSError) as refusal:  # nothing is written yet
            raise ActionFailed(f"nothing was changed: {refusal}") from None
        if [str(one.path) for one in changes] != facts["replaces"]:
            raise ActionFailed("nothing was changed: other files would be replaced than those that were approved")
        terms = Terms(token=doing.token, digest=digest_of(facts), expected=facts["files"], check=doing.check)
        folder = replace_files(table.home, changes, terms)
        doing.say(f"the former files are kept in {folder}")
        for role, serial in serials(table.found()).items():
            if role in facts["makes"]:
                doing.say(f"{role}: serial {facts['serials'].get(role, 'none')} before, {serial} now")
        restart(acting.site, facts["services"], doing)


def table_in(acting: Acting[Any]) -> Table:
    """Give the table that was approved."""
    return table_of(acting.site.stack, acting.facts["table"])


def readers(stack: StackConfig, table: Table, roles: Iterable[str], more: Iterable[str]) -> list[str]:
    """Give the services that have to read the files of these roles anew, each once."""
    roles = set(roles)
    serving = [one.service for one in table.endpoints] if roles - {"client"} else []
    paths = {path for place in table.places if place.role in roles for path in place.paths}
    naming = [one.name for one in stack.services.values() if paths & {path.resolve() for path in one.files}]
    return list(dict.fromkeys([*serving, *naming, *more]))


def pair_changes(acting: Acting[Any], table: Table, role: str, pair: Pair, *, rest: bytes = b"") -> list[Change]:
    """Give the files of a certificate and its key, with modes and owners as they were; `rest` follows the chain."""
    place = table.place(role)
    assert place is not None
    owner = tuple(acting.facts["server_owner"]) if role == "server" else WORKER_ITSELF
    former = place.key.read_bytes() if place.key.exists() else b""
    certificates, key = pair.certificates_pem + rest, pair.key_pem(like=former)
    if place.certificate == place.key:
        contents = {place.key: (certificates + key, True)}
    else:
        contents = {place.certificate: (certificates, False), place.key: (key, True)}
    return [change_of(path, content, is_key=is_key, owner=owner) for path, (content, is_key) in contents.items()]


def change_of(path: Path, content: bytes, *, is_key: bool, owner: tuple[int, int] = WORKER_ITSELF) -> Change:
    """Give a change that keeps a file's mode and owner; for a new file the usual mode, and this owner."""
    mode, owner = _mode_and_owner(path, KEY_MODE if is_key else CERTIFICATE_MODE, owner)
    return Change(path=path, content=content, is_key=is_key, mode=mode, owner=owner)


def wanted_for(acting: Acting[Any], table: Table, role: str, *, lifetime: timedelta | None) -> Wanted:
    """Say what a server or client certificate shall be by the stack's description."""
    if role == "server":
        return Wanted(common_name=table.names[0], names=table.names, usage=SERVER, lifetime=lifetime, at=table.at)
    name = f"{acting.site.stack.name}-client"
    return Wanted(common_name=name, names=(name,), usage=CLIENT, lifetime=lifetime, at=table.at)


def _mode_and_owner(path: Path, mode: int, owner: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    try:
        about = path.stat()
    except OSError:
        return mode, owner
    return about.st_mode & 0o777, (about.st_uid, about.st_gid)
