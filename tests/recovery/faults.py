"""The faults that recovery must survive, in the words of its design; each case has tests that bear its name.

A test says so by `@pytest.mark.recovery_fault(CASE, counted=WHAT)`: what is counted at the target, or looked for there.
docs/recovery-faults.md is drawn from the markers, and drawing it fails where a case has no test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens, how it must end, and the cases that are tried."""

    happens: str
    ends: str
    cases: tuple[str, ...]


FAULTS = (
    Fault("same message 50 times in parallel", "one start", ("message doubled",)),
    Fault("message lost (`FLUSHALL`)", "started by the sweeper within 15 s, once", ("message lost",)),
    Fault("visibility timeout 1 s with a 60 s action", "one start", ("message given again",)),
    Fault(
        "SIGKILL before claim, after claim, after intent, mid-effect, after effect, in verification",
        "queued and started once, then `outcome_unknown` resolved by probe",
        ("worker killed",),
    ),
    Fault("SIGSTOP past the lease, then SIGCONT", "no further step, no write", ("worker stopped",)),
    Fault(
        "PostgreSQL, Redis or engine restarted mid-run",
        "",
        ("PostgreSQL restarted", "Redis restarted", "engine restarted"),
    ),
    Fault("trail or signer down", "not started, 503", ("trail down", "signer down")),
    Fault(
        "approve and deny at the same instant, 100 times",
        "one winner, never runs after a denial",
        ("approved and denied",),
    ),
    Fault("approver loses the role before claim", "", ("approver lost",)),
    Fault("plan or image changed after approval", "`invalidated`", ("plan changed", "image changed")),
    Fault("expiry between queue and claim", "", ("expired in the queue",)),
    Fault("two actions on one target", "second refused", ("target taken",)),
    Fault("verify fails", "`verify_failed`, incident stays open", ("not verified",)),
    Fault(
        "canary secret in parameters, stderr, traceback, chunk boundary",
        "found nowhere",
        ("secret in parameters", "secret in what is said"),
    ),
    Fault("second break-glass without review", "refused", ("glass broken twice",)),
    Fault(
        "same Idempotency-Key",
        "same request; other body: 422; still in progress: 409",
        ("key repeated", "key in progress"),
    ),
    Fault("direct SQL jump from queued to succeeded", "refused by the database", ("jump by SQL",)),
)
# Of what the list leaves to the rules above it (docs/recovery.md): at most one start, and an outcome that is known.
ENDS = {
    "PostgreSQL, Redis or engine restarted mid-run": (
        "at most one start; the outcome is known, or unknown until a look at the target tells"
    ),
    "approver loses the role before claim": "`invalidated`, nothing done",
    "expiry between queue and claim": "`expired`, nothing done",
}
