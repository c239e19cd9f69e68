"""Make the certificates that are missing: a CA, and of it one for the server and one for the client.

Makes what a [tls.*] table describes and what is not there, and touches nothing else: the CA (its key beside it, under
the suffix .key), the server's for every name and address that the description says clients use, and the client's.
Keys are P-256, of mode 0600; the server's files belong to the user that its container or process runs as. Then the
services that read them are restarted. Whether the server asks for client certificates is its own configuration, which
stays as it is. The files lie where the worker runs, as the description says.

At most once: a folder named after the step's token is made exclusively beside the files, and a file that is there by
then is not overwritten. Verified from outside: clients accept chain and names, the client certificate is let in, and
nobody without one. Of a lost worker files and what is served tell; where the files were about to be put in place a
person says. `certificates.put_back` removes them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting
from awe_incidents.recovery.actions.certificate_files import Found, Table, issuer_of
from awe_incidents.recovery.actions.certifying import Certify, TableParameters, pair_changes, wanted_for
from awe_incidents.recovery.actions.issuing import Wanted, authority, leaf
from awe_incidents.recovery.actions.keeping import Change
from awe_incidents.recovery.actions.parameters import parameter
from awe_incidents.recovery.errors import ActionNotApplicable


@dataclass(frozen=True, kw_only=True)
class SetUpParameters(TableParameters):
    """For how long."""

    days: int = parameter("How long server and client certificates are valid.", default=365, minimum=1, maximum=3650)
    ca_days: int = parameter("How long a new CA is valid.", default=1825, minimum=1, maximum=7300)


@dataclass(frozen=True, kw_only=True)
class SetUpCertificates(Certify):
    """What is missing of a table."""

    slug: ClassVar[str] = "certificates.set_up"
    title: ClassVar[str] = "Make the missing certificates"
    parameters: ClassVar[type[Any]] = SetUpParameters

    def makes(self, table: Table, found: Mapping[str, Found], parameters: Any) -> dict[str, str]:
        """Give the roles of which neither certificate nor key is there."""
        if half := [one.problem for one in found.values() if not one.is_absent and one.leaf is None]:
            raise ActionNotApplicable(f"{half[0]}, but not all of it is missing: certificates.renew makes it anew")
        missing = {role: "it is not there" for role, one in found.items() if one.is_absent}
        if not missing:
            raise ActionNotApplicable("none is missing; certificates.renew and certificates.regenerate replace them")
        for role in missing:
            if not role.endswith("ca") and table.issuer_role(role) not in missing:
                issuer_of(found[table.issuer_role(role)])
        return missing

    def replaces(self, table: Table, roles: Iterable[str]) -> list[Path]:
        """Give the files of these roles."""
        return [path for place in table.places if place.role in set(roles) for path in place.paths]

    def changes(self, acting: Acting[Any], table: Table) -> list[Change]:
        """Make the CA first, then what it issues."""
        found, stack, made = table.found(), acting.site.stack, list[Change]()
        roles = list(acting.facts["makes"])
        issuers = {role: issuer_of(one) for role, one in found.items() if role.endswith("ca") and role not in roles}
        for role in (one.role for one in table.places if one.role in roles):
            if role.endswith("ca"):
                lifetime = timedelta(days=acting.parameters.ca_days)
                pair = authority(Wanted(common_name=f"{stack.name} {role.replace('_', ' ')}", lifetime=lifetime))
                issuers[role] = pair
            else:
                wanted = wanted_for(acting, table, role, lifetime=timedelta(days=acting.parameters.days))
                pair = leaf(wanted, issuer=issuers[table.issuer_role(role)])
            made += pair_changes(acting, table, role, pair)
        return made

    def warnings(self, acting: Acting[Any]) -> tuple[str, ...]:
        """Say who needs them, and which names are borne."""
        table = acting.site.stack.tls[acting.facts["table"]]
        return (
            *super().warnings(acting),
            f"clients need {table.ca}, and a client certificate where the server asks for one",
        )
