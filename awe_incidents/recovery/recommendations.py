"""What a diagnosis recommends to do, ready to be asked for: the action, its parameters, and the evidence behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.actions.base import About, Action
from awe_incidents.recovery.actions.parameters import read_parameters
from awe_incidents.recovery.errors import NotRecommended
from awe_incidents.recovery.policies import Tier, approvals_needed
from diagnostics.models import Run
from diagnostics.queries import config_of, diagnosis_of
from diagnostics.stack import StackConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """An action for one cause of a diagnosis."""

    run: int
    cause: str  # its slug
    subject: str
    sentence: str
    evidence: Sequence[Mapping[str, Any]]  # spans: check, evidence, first_line, last_line
    action: str
    title: str
    tier: int
    approvals_needed: int  # by others than the requester
    parameters: Mapping[str, Any] = field(default_factory=dict)  # as far as the cause tells them
    missing: tuple[str, ...] = ()  # parameters that whoever asks has to name
    not_applicable: str = ""  # why it cannot be asked for on this stack


def recommended_by(run: Run) -> list[Recommended]:
    """Give the actions that the causes of a run's diagnosis name, likeliest cause first.

    A cause may name actions that this version does not have; its page tells how to do those by hand.
    Raises: DescriptionOutdated.
    """
    document = diagnosis_of(run)
    stack = config_of(run.stack, document=run.document) if document and document["causes"] else None
    return list(_of_causes(run, document["causes"], stack)) if document and stack else []


def recommendation(run: Run, *, cause: str, subject: str, action: str) -> Recommended:
    """Give one of them.

    Raises: NotRecommended, DescriptionOutdated.
    """
    wanted = (cause, subject, action)
    for one in recommended_by(run):
        if (one.cause, one.subject, one.action) == wanted:
            return one
    raise NotRecommended(f"run {run.pk} does not recommend {action} for {cause} of {subject}")


def fitting(run: Run, *, action: str, document: Mapping[str, Any]) -> Recommended | None:
    """Give what a run's diagnosis recommends of an action with such parameters, the likeliest cause's first.

    Raises: DescriptionOutdated.
    """
    for one in recommended_by(run):
        if one.action == action and all(document.get(name) == value for name, value in one.parameters.items()):
            return one
    return None


def _of_causes(run: Run, causes: Sequence[Mapping[str, Any]], stack: StackConfig) -> Iterator[Recommended]:
    for cause in causes:
        for slug in cause["actions"]:
            if (action := registry.all_actions().get(slug)) is not None:
                yield _ready(run, cause, action, stack)


def _ready(run: Run, cause: Mapping[str, Any], action: Action[Any], stack: StackConfig) -> Recommended:
    told = action.prefilled(stack, About(subject=cause["subject"], service=cause["service"]))
    missing = tuple(name for name in action.schema()["required"] if name not in told)
    return Recommended(
        run=run.pk,
        cause=cause["code"],
        subject=cause["subject"],
        sentence=cause["sentence"],
        evidence=[dict(span) for span in cause["evidence"]],
        action=action.slug,
        title=action.title,
        tier=action.tier,
        approvals_needed=approvals_needed(Tier(action.tier)),
        parameters=told,
        missing=missing,
        not_applicable="" if missing else _refusal(action, stack, told),
    )


def _refusal(action: Action[Any], stack: StackConfig, told: Mapping[str, Any]) -> str:
    return action.not_applicable(stack, read_parameters(action.parameters, dict(told))) or ""
