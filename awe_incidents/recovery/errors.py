"""Refusals of recovery.

RecoveryError
├── UnknownAction          no action has this slug
├── ParametersInvalid      the action's parameters break its schema; `problems` names each and what to do
├── ActionNotApplicable    this stack has nothing for the action to do, or not now
├── NotRecommended         the run's diagnosis does not recommend this action for this cause
├── TargetUnreachable      the target could not be looked at, so nothing is planned or decided
├── RoleRequired           the person lacks the role for this
├── OwnRequest             nobody decides on what they asked for, by whatever token
├── AffectedUser           nobody decides on what is done to their own account, nor reviews it
├── DecidedBefore          this person has decided on this request
├── DigestDiffers          the decision names other terms than those of the request, or the asking another plan
├── StackNotNamed          this tier takes the stack's name, typed by whoever decides
├── ReasonRequired         this takes a reason
├── TransitionNotAllowed   the state does not allow this step
├── RequestExpired         its time is up; ask anew
├── BreakGlassRefused      an earlier break-glass waits for its review, or there were too many
├── IncidentRequired       a break-glass names the incident that it is for
├── NotRequester           what an action made for its requester is shown to nobody else
├── SecretGone             it was shown before, or nobody fetched it in time
├── OwnBreakGlass          a break-glass is reviewed by somebody else
├── NotClaimed             another worker was first, or there is nothing to claim; harmless
├── TargetHeld             another execution holds the target or a part of it
├── TooOften               the action was started on this target as often as it may be for now
├── TimesNotAllowed        a freeze or window that never begins, never ends, or lasts too long
├── JournalUnusable        the journal on this machine cannot be written or read
├── TakenInBefore          this line of a journal was taken in before
├── AlreadyLifted          the freeze was lifted, or has ended; or the window was closed before
└── LeaseLost              this worker's time was up: nothing that it writes is taken
"""

from __future__ import annotations

from collections.abc import Sequence


class RecoveryError(Exception):
    """Base of what recovery refuses."""


class UnknownAction(RecoveryError):
    """The message says where the catalogue is."""


class ParametersInvalid(RecoveryError):
    """Parameters that an action cannot take, each with what to do."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{name or 'parameters'}: {message}" for name, message in self.problems))


class ActionNotApplicable(RecoveryError):
    """The message says what is missing."""


class NotRecommended(RecoveryError):
    """Read the diagnosis again: another run may say something else."""


class TargetUnreachable(RecoveryError):
    """The message says what did not answer."""


class RoleRequired(RecoveryError):
    """The message names the role."""


class OwnRequest(RecoveryError):
    """Another person decides."""


class AffectedUser(RecoveryError):
    """Another person decides."""


class DecidedBefore(RecoveryError):
    """One person has one decision."""


class DigestDiffers(RecoveryError):
    """Read the request again, and decide on what it says."""


class StackNotNamed(RecoveryError):
    """The message says what to type."""


class ReasonRequired(RecoveryError):
    """Say why."""


class TransitionNotAllowed(RecoveryError):
    """The message names the state."""


class RequestExpired(RecoveryError):
    """Ask anew; the new request may name this one."""


class BreakGlassRefused(RecoveryError):
    """The message says what has to come first."""


class IncidentRequired(RecoveryError):
    """Name an incident of the request's stack."""


class NotRequester(RecoveryError):
    """Who asked for the action fetches it."""


class SecretGone(RecoveryError):
    """The message says what became of it; a new request makes a new one."""


class OwnBreakGlass(RecoveryError):
    """Another person reviews."""


class NotClaimed(RecoveryError):
    """Nothing to do for this worker."""


class TargetHeld(RecoveryError):
    """The message names the execution that holds it."""


class TooOften(RecoveryError):
    """An action that was started as often as it may be."""

    def __init__(self, message: str, *, stack_id: int, action: str, target: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.stack_id, self.action, self.target = stack_id, action, target
        self.retry_after_seconds = retry_after_seconds


class TimesNotAllowed(RecoveryError):
    """The message says what is taken."""


class JournalUnusable(RecoveryError):
    """The message says what is in the way."""


class TakenInBefore(RecoveryError):
    """Nothing to do; it is there once."""


class AlreadyLifted(RecoveryError):
    """Nothing is left to take back."""


class LeaseLost(RecoveryError):
    """Stop: what was done is found out by looking at the target."""
