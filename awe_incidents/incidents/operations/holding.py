"""Hold a bug report by its lock, to decide on what it is and not on what was read."""

from __future__ import annotations

from awe_incidents.incidents.errors import StaleVersion
from awe_incidents.incidents.models import BugReport


def held_report(report: BugReport, *, version: int | None) -> BugReport:
    """Give the report as it is now, locked until the end of the transaction; its incident and revision are read anew.

    Neither is joined: who waited for the lock would see the new row with what its statement saw of the others before.
    Raises: StaleVersion.
    """
    report = BugReport.objects.select_for_update(of=("self",)).select_related("stack", "reporter").get(pk=report.pk)
    if version is not None and report.version != version:
        raise StaleVersion(f"bug report {report.pk} is at version {report.version}, not {version}; read it again")
    return report
