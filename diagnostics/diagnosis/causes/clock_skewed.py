"""Tokens and certificates are judged by clocks, and a clock that is off refuses what is good."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, codes
from diagnostics.diagnosis.observed import Observation


def _whose(seen: Observation) -> str:
    """Give whose clock is off: ours, where those of several services agree against it."""
    return "this machine" if seen.measured.get("ours_is_wrong") else seen.subject


CAUSE = Cause(
    slug="clock_skewed",
    title="Clocks disagree",
    category="authentication",
    severity="high",
    sentence="The clock of {subject} is off.",
    signs=(Sign("clock.skewed", 0.92, subject=_whose), *codes("oauth.clock_skewed", certainty=0.92)),
    explains=("token.*", "certificate.not_yet_valid", "login.token_rejected", "oauth.*"),
    remedy=(
        (
            "See which clock it is in the evidence of `auth.clock_skew` (this machine is where the check ran), and "
            "confirm it there with `timedatectl`."
        ),
        "Turn synchronization on there with `sudo timedatectl set-ntp true`; a container has the clock of its machine.",
        "Let it correct the time slowly rather than set it by hand, so that it does not jump under running services.",
        "Log in anew, as tokens that were issued with a wrong time stay wrong.",
        "Look again: `auth.clock_skew` must pass.",
    ),
)
