"""Make CA, server and client certificates anew, all with new keys: for a CA whose key is lost or known to others.

Each is made as the former one was: kind and size of key, subject, names (and those of the description that it lacks),
usages, lifetime, modes and owners of the files. Whatever the former CA issued stops being accepted at once, and who has
its certificate stops accepting the server: all clients need the new CA file, and a client certificate of it. Only
`certificates.renew` leaves those working. The former files are kept, the services that read them are restarted.
It cannot make a CA anew that another CA has issued, nor one among several in a file. The files lie where the worker
runs, as the description says.

At most once: a folder named after the step's token is made exclusively beside the files, and nothing is replaced that
is not what was approved. Verified from outside: clients accept chain and names, the new client certificate is let in,
and nobody without one. Of a lost worker files and what is served tell; where the files were about to be put in place a
person says. `certificates.put_back` goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting
from awe_incidents.recovery.actions.certificate_files import Found, Table
from awe_incidents.recovery.actions.certifying import Certify, TableParameters, pair_changes, wanted_for
from awe_incidents.recovery.actions.issuing import Pair, Wanted, authority, leaf
from awe_incidents.recovery.actions.keeping import Change
from awe_incidents.recovery.errors import ActionNotApplicable


@dataclass(frozen=True, kw_only=True)
class RegenerateCertificates(Certify):
    """Everything of a table."""

    slug: ClassVar[str] = "certificates.regenerate"
    title: ClassVar[str] = "Make CA and certificates anew"
    parameters: ClassVar[type[Any]] = TableParameters

    def makes(self, table: Table, found: Mapping[str, Found], parameters: Any) -> dict[str, str]:
        """Give every role, where each CA is one that can be made."""
        if all(one.is_absent for one in found.values()):
            raise ActionNotApplicable("none is there yet; certificates.set_up makes them")
        for role, one in found.items():
            if role.endswith("ca") and one.leaf is not None:
                check_own_root(one)
        return dict.fromkeys(found, "with a new key")

    def replaces(self, table: Table, roles: Iterable[str]) -> list[Path]:
        """Give all files."""
        return [path for place in table.places for path in place.paths]

    def changes(self, acting: Acting[Any], table: Table) -> list[Change]:
        """Make the CAs first, then what they issue."""
        found, stack, made, issuers = table.found(), acting.site.stack, list[Change](), dict[str, Pair]()
        for place in table.places:
            role, former = place.role, found[place.role].former
            if role.endswith("ca"):
                pair = authority(Wanted(common_name=f"{stack.name} {role.replace('_', ' ')}"), former=former)
                issuers[role] = pair
            else:
                wanted = wanted_for(acting, table, role, lifetime=None)
                pair = leaf(wanted, issuer=issuers[table.issuer_role(role)], former=former)
            made += pair_changes(acting, table, role, pair)
        return made

    def losses(self, acting: Acting[Any]) -> tuple[str, ...]:
        """Say whom this cuts off."""
        files = acting.site.stack.tls[acting.facts["table"]]
        client = files.client_certificate or "one issued by it"
        trust = f"the trust of every client with the former CA file, which needs the new {files.ca} and, where the"
        return (
            "every certificate that the former CA issued, wherever it is: servers refuse those clients from then on",
            f"{trust} server asks for it, a client certificate of the new CA, such as {client}",
        )


def check_own_root(found: Found) -> None:
    """See that a CA file holds one self-signed CA. Raises: ActionNotApplicable."""
    if len(found.certificates) != 1:
        raise ActionNotApplicable(
            f"{found.place.certificate} holds {len(found.certificates)} certificates, whose trust would be lost with it"
        )
    if not found.certificates[0].is_self_issued:
        raise ActionNotApplicable(f"the CA in {found.place.certificate} was issued by another; ask that one")
