"""Renew certificates in an emergency: the server's, the client's, and the CA's where that is what ends.

Without a choice it renews what has to be: what has ended or not begun, ends within 30 days (or a third of its life),
lacks a name that clients use, is of another CA or another use, or has no matching key. Server and client get a new key
of the same kind, with the former subject, names (and those of the description that it lacks), usages and lifetime, but
never beyond the CA's end. A CA keeps its key and gets new dates only, so that what it issued goes on being accepted;
clients need its new file before the old one ends. The CA's private key has to lie beside it, under the suffix .key.
Former certificates are not revoked. The former files are kept, and the services that read them are restarted.
The files lie where the worker runs, as the description says; public certificates (ACME) are not what this renews.

At most once: a folder named after the step's token is made exclusively beside the files, and nothing is replaced that
is not what was approved. Verified from outside: clients accept chain and names, the client certificate is let in, and
nobody without one. Of a lost worker files and what is served tell; where the files were about to be put in place a
person says. `certificates.put_back` goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from cryptography.hazmat.primitives.serialization import Encoding

from awe_incidents.recovery.actions.base import Acting
from awe_incidents.recovery.actions.certificate_files import Found, Table, issuer_of
from awe_incidents.recovery.actions.certifying import Certify, TableParameters, change_of, pair_changes, wanted_for
from awe_incidents.recovery.actions.issuing import Pair, Wanted, authority, leaf
from awe_incidents.recovery.actions.keeping import Change
from awe_incidents.recovery.actions.parameters import parameter
from awe_incidents.recovery.errors import ActionNotApplicable

ROLES = ("ca", "client_ca", "server", "client")


@dataclass(frozen=True, kw_only=True)
class RenewParameters(TableParameters):
    """Which of them, and for how long."""

    which: tuple[str, ...] = parameter(
        "What to renew: ca, client_ca, server, client; what has to be renewed where it is left out.",
        default=(),
        items={"type": "string", "enum": list(ROLES)},
    )
    days: int = parameter(
        "How long server and client certificates are valid; 0 is as long as the former ones.",
        default=0,
        minimum=0,
        maximum=3650,
    )


@dataclass(frozen=True, kw_only=True)
class RenewCertificates(Certify):
    """What ends, from the CA that is there."""

    slug: ClassVar[str] = "certificates.renew"
    title: ClassVar[str] = "Renew certificates"
    parameters: ClassVar[type[Any]] = RenewParameters

    def makes(self, table: Table, found: Mapping[str, Found], parameters: Any) -> dict[str, str]:
        """Give what was chosen, or what has to be renewed, where the CAs that it takes can issue."""
        wrong = {role: table.wrong(role, found, soon=True) for role in found}
        if strange := [role for role in parameters.which if role not in found]:
            raise ActionNotApplicable(f"[tls.{table.files.name}] describes no {strange[0]}")
        roles = {role: wrong[role] or "as asked" for role in found if role in parameters.which}
        if not parameters.which and not (roles := {role: reason for role, reason in wrong.items() if reason}):
            raise ActionNotApplicable("none has to be renewed; choose which, to renew it all the same")
        for role in roles:
            issuer = found[role if role.endswith("ca") else table.issuer_role(role)]
            pair = issuer_of(issuer)
            if role.endswith("ca") and pair.certificate.subject != pair.certificate.issuer:
                raise ActionNotApplicable(f"the CA in {issuer.place.certificate} was issued by another; ask that one")
            above = table.issuer_role(role)
            if not role.endswith("ca") and above not in roles and (reason := table.wrong(above, found)):
                raise ActionNotApplicable(f"nothing can be issued by {above}: {reason}; renew it, too")
        return roles

    def replaces(self, table: Table, roles: Iterable[str]) -> list[Path]:
        """Give the files of these roles; a CA's key stays."""
        chosen = [place for place in table.places if place.role in set(roles)]
        return [path for one in chosen for path in ([one.certificate] if one.role.endswith("ca") else one.paths)]

    def changes(self, acting: Acting[Any], table: Table) -> list[Change]:
        """Renew the CAs first, then issue."""
        found, made = table.found(), list[Change]()
        roles = set(acting.facts["makes"])
        needed = {role if role.endswith("ca") else table.issuer_role(role) for role in roles}
        issuers = {role: issuer_of(found[role]) for role in needed}
        lifetime = timedelta(days=acting.parameters.days) if acting.parameters.days else None
        for place in (one for one in table.places if one.role in roles):
            role, one = place.role, found[place.role]
            if role.endswith("ca"):
                issuers[role] = _renewed(issuers[role])
                others = b"".join(other.parsed.public_bytes(Encoding.PEM) for other in one.certificates[1:])
                content = issuers[role].certificates_pem + others
                made.append(change_of(place.certificate, content, is_key=False))
            else:
                wanted = wanted_for(acting, table, role, lifetime=lifetime)
                pair = leaf(wanted, issuer=issuers[table.issuer_role(role)], former=one.former)
                made += pair_changes(acting, table, role, pair)
        return made

    def warnings(self, acting: Acting[Any]) -> tuple[str, ...]:
        """Say who needs what is new."""
        files, makes = acting.site.stack.tls[acting.facts["table"]], acting.facts["makes"]
        said = list(super().warnings(acting))
        if "ca" in makes:
            said.append(f"clients elsewhere need the new {files.ca}: the former one ends as it says itself")
        if "client" in makes:
            said.append(f"clients elsewhere that use a copy of {files.client_certificate} need the new one and its key")
        return tuple(said)


def _renewed(ca: Pair) -> Pair:
    """Give the same CA with new dates."""
    return authority(Wanted(common_name=""), former=ca.certificate, key=ca.key)
