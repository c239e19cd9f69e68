"""Put the certificate files back that an earlier action has kept: the way back of set-up, regeneration and renewal.

Takes the set that was kept last, unless another is named, and puts each of its files back with its mode and owner; what
was not there before is removed. What is there now is kept in turn, so that this can be gone back on, too. Then the
services that read them are restarted. If what is put back had ended, clients refuse it again: that is said, and is no
failure.

At most once: a folder named after the step's token is made exclusively beside the files, and nothing is replaced that
is not what was approved. Verified by checksums, and from outside by what is served. Of a lost worker files and what is
served tell; where the files were about to be put in place a person says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Verified
from awe_incidents.recovery.actions.certificate_files import ABSENT, Found, Table, marks, serials, table_of
from awe_incidents.recovery.actions.certifying import SETTLE_SECONDS, Certify, TableParameters, table_in
from awe_incidents.recovery.actions.keeping import KEPT, Change, Kept, kept_sets
from awe_incidents.recovery.actions.outside import settled
from awe_incidents.recovery.actions.parameters import parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable

PROBE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class PutBackParameters(TableParameters):
    """Which set."""

    kept: str = parameter(
        "Name of a folder below kept/, where the certificates lie; the newest where it is left out.",
        default="",
        minLength=0,
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,199})?$",
    )


@dataclass(frozen=True, kw_only=True)
class PutCertificatesBack(Certify):
    """One kept set of files."""

    slug: ClassVar[str] = "certificates.put_back"
    title: ClassVar[str] = "Put kept certificates back"
    parameters: ClassVar[type[Any]] = PutBackParameters

    def fingerprint(self, site: Site, parameters: PutBackParameters) -> Mapping[str, Any]:
        """Give the same as of the others, and which set, with the marks of its files."""
        facts = super().fingerprint(site, parameters)
        chosen = _chosen(table_of(site.stack, parameters.tls), parameters.kept)
        return {
            **facts,
            "kept": chosen.folder.name,
            "kept_at": chosen.kept_at,
            "restores": {one.path: one.mark for one in chosen.formers},
            "replaces": [one.path for one in chosen.formers],
        }

    def makes(self, table: Table, found: Mapping[str, Found], parameters: PutBackParameters) -> dict[str, str]:
        """Give the roles of the files that were kept."""
        chosen = _chosen(table, parameters.kept)
        paths = {Path(one.path) for one in chosen.formers}
        strange = paths - {path for place in table.places for path in place.paths}
        if strange:
            raise ActionNotApplicable(f"{chosen.folder} keeps {min(strange)}, which is not described")
        if not chosen.is_intact():
            raise ActionNotApplicable(f"{chosen.folder} does not hold any more what was kept there")
        because = f"as kept on {chosen.kept_at[:16].replace('T', ' ')} UTC"
        return {place.role: because for place in table.places if paths & set(place.paths)}

    def replaces(self, table: Table, roles: Iterable[str]) -> list[Path]:
        """Give nothing by role: the set says which."""
        return []

    def changes(self, acting: Acting[PutBackParameters], table: Table) -> list[Change]:
        """Read what was kept."""
        return _chosen(table, acting.facts["kept"]).changes()

    def still_wrong(self, acting: Acting[PutBackParameters], table: Table, found: Mapping[str, Found]) -> list[str]:
        """Give the files that are not what was kept."""
        now, wanted = marks(table.places), acting.facts["restores"]
        return [f"{path} is not what was kept" for path in wanted if now[path] != wanted[path]]

    def verify(self, acting: Acting[PutBackParameters]) -> Verified:
        """Compare checksums, and see from outside that they are served; whether clients accept them is said."""
        table = table_in(acting)
        found = table.found()
        wrong = self.still_wrong(acting, table, found)
        after = serials(found)
        if found["server"].leaf is None:  # what was set up is gone again
            text = "; ".join(wrong) or "the files are as they were; there is no server certificate to be served"
            return Verified(is_good=not wrong, text=text, before=acting.facts["serials"], after=after)
        seen = settled(table, seconds=SETTLE_SECONDS, only_served=True)
        wrong += [] if seen.is_from_file else ["what was put back is not served"]
        text = "; ".join(wrong or ["the files are as they were kept, and served"]) + f"; {seen.text}"
        after |= {f"served at {name}": serial for name, serial in seen.served.items()}
        return Verified(is_good=not wrong, text=text, before=acting.facts["serials"], after=after)

    def is_served(self, table: Table) -> bool:
        """Say whether what was put back is served, whatever it is worth."""
        if table.found()["server"].leaf is None:
            return True
        return settled(table, seconds=PROBE_SECONDS, only_served=True).is_from_file

    def losses(self, acting: Acting[PutBackParameters]) -> tuple[str, ...]:
        """Say what stops being accepted."""
        removed = [path for path, mark in acting.facts["restores"].items() if mark == ABSENT]
        gone = (f"{', '.join(removed)} will not be there any more",) if removed else ()
        return ("clients that got the present certificates are refused where the CA was another", *gone)


def _chosen(table: Table, name: str) -> Kept:
    """Give a set by name, or the newest that differs from what is there. Raises: ActionNotApplicable, NotPermitted."""
    now = marks(table.places)
    sets = kept_sets(table.home)
    if name:
        named = [one for one in sets if one.folder.name == name]
        if not named:
            raise ActionNotApplicable(f"there is no {table.home / KEPT / name}")
        return named[0]
    for one in sets:
        if any(now.get(former.path) != former.mark for former in one.formers):
            return one
    raise ActionNotApplicable(f"nothing is kept below {table.home / KEPT} that differs from what is there")
