"""Look at the target under the lock: is it what was approved, and does anything stand against starting?"""

from __future__ import annotations

from awe_incidents.audit import trail
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable, ParametersInvalid, UnknownAction
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations.planning import Planned, planned
from diagnostics.errors import DescriptionOutdated

GONE = (ActionNotApplicable, ParametersInvalid, UnknownAction, DescriptionOutdated)


class TermsChanged(Exception):
    """What would be done now is not what was approved."""


class Refused(Exception):
    """A precheck stands against it."""


def prepared(request: RecoveryRequest, site: Site) -> Planned:
    """Plan again, compare digests, and go through the prechecks; the acting facts are those that were approved.

    Raises: TermsChanged, Refused, TargetUnreachable, and what a probe raises.
    """
    try:
        plan = planned(site, slug=request.action, document=request.terms.parameters)
    except GONE as gone:
        raise TermsChanged(f"what was approved cannot be done any more: {gone}") from None
    expires_at = trail.moment(request.expires_at)
    terms = plan.terms(stack=request.stack, requester=request.requester_id, expires_at=expires_at)
    if terms.digest != request.terms.digest:
        changed = [
            name
            for name, before, now in (
                ("the action", request.terms.version, terms.version),
                ("the target", request.terms.fingerprint, terms.fingerprint),
                ("the plan", request.terms.plan, terms.plan),
                ("the parameters", request.terms.parameters, terms.parameters),
            )
            if before != now
        ]
        raise TermsChanged(f"{' and '.join(changed) or 'something'} changed after it was approved")
    if reasons := list(plan.action.prechecks(plan.acting)):
        raise Refused("; ".join(reasons))
    return plan
