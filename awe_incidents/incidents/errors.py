"""Refusals of incidents.

IncidentsError
├── ReportInvalid         fields of a bug report, or files, cannot be taken; `problems` names each and what to do
├── TransitionNotAllowed  the incident's state does not allow this step
├── ReasonRequired        this step needs a reason
├── ChecksNotPassed       checks that failed have not passed since; look again with them, or say why it goes without
├── NothingFailed         no check of the incident's runs failed without passing since
├── RoleRequired          the person lacks the role for this
├── StaleVersion          somebody else changed this in between
├── NothingChanged        the report says, or is, this already
├── NothingSuggested      no run has found a cause, so there is nothing to accept
├── SearchTooBroad        what is searched for takes too long
├── OtherStack            a report is not moved to an incident of another stack
├── TooManyRevisions      the report was revised as often as it may be
├── OthersReport          files are added to a report by who filed it
├── TooManyAttachments    a report, or whatever files belong to, has as many attachments as it may
├── AttachmentNotReady    a picture waits to be made anew, or was refused
├── RemovedByRetention    what is asked for was there, and its stack's retention took it
└── AlreadyClaimed        another worker is at it (a picture, a prefill), or enough are
"""

from __future__ import annotations

from collections.abc import Sequence


class IncidentsError(Exception):
    """Base of what incidents refuse."""


class ReportInvalid(IncidentsError):
    """Fields or files that cannot be stored, each with what to do."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{field}: {message}" for field, message in self.problems))


class TransitionNotAllowed(IncidentsError):
    """The message names the state and the steps that are allowed from it."""


class ReasonRequired(IncidentsError):
    """Say why."""


class ChecksNotPassed(IncidentsError):
    """The message names the checks."""


class NothingFailed(IncidentsError):
    """There is nothing to look at again."""


class RoleRequired(IncidentsError):
    """The message names the role."""


class StaleVersion(IncidentsError):
    """Read it again and decide on what it is now."""


class NothingChanged(IncidentsError):
    """There is nothing to record."""


class NothingSuggested(IncidentsError):
    """Wait for a run that finds a cause, or say yourself what it is."""


class SearchTooBroad(IncidentsError):
    """Say more of what is searched for."""


class OtherStack(IncidentsError):
    """Choose an incident of the report's own stack."""


class TooManyRevisions(IncidentsError):
    """The message names the limit."""


class RemovedByRetention(IncidentsError):
    """The message says when."""


class OthersReport(IncidentsError):
    """Only the reporter adds files to a report."""


class TooManyAttachments(IncidentsError):
    """The message names the limit."""


class AttachmentNotReady(IncidentsError):
    """The message says whether to come again."""


class AlreadyClaimed(IncidentsError):
    """The row was taken by another worker, is done, or has to wait for its turn."""
