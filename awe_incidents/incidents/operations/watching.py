"""Watch a stack by its scheduled runs: tell an incident when it turns unhealthy, once, and when it is well again.

Whoever judges a run holds the row of its stack's watch, so runs that finish together are judged one after the other.
Incidents are locked behind it. Nothing here closes or reopens an incident: that is for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q

from awe_incidents.audit import trail
from awe_incidents.incidents import reports
from awe_incidents.incidents.models import Incident, IncidentRun, StackWatch
from awe_incidents.incidents.operations import leading
from awe_incidents.incidents.operations.history import Line, write_history
from awe_incidents.incidents.operations.suggesting import suggest
from awe_incidents.incidents.readings import Problem, reading_of
from awe_incidents.incidents.states import WAITING, WATCH_TRANSITIONS, WatchState
from awe_incidents.incidents.template import TemplateFields
from diagnostics.checks.result import State
from diagnostics.diagnosis.diagnosis import Conclusion
from diagnostics.models import Diagnosis, Run, StackSchedule
from diagnostics.operations import SCHEDULER
from diagnostics.queries import cited_lines, results_of

SETTLED = "settled"  # in `told`: that the stack was still unhealthy when people had settled the incident


def watch_stack(*, run: Run, at: datetime) -> None:
    """Judge a run that finishes, in its transaction; one that no schedule asked for says nothing here."""
    schedule = StackSchedule.objects.filter(stack=run.stack_id).first() if run.is_scheduled else None
    if schedule is None:
        return
    document = Diagnosis.objects.filter(run=run).values_list("document", flat=True).first()
    reading, problems = reading_of(document)
    watch = _held_watch(run, schedule, at=at)
    before = WatchState(watch.state)
    now = WATCH_TRANSITIONS[before].get(reading, before)
    if now != before:
        watch.state, watch.since = now, at
    if now is WatchState.UNHEALTHY and problems:
        _Telling(watch, run, at).tell(problems, opens=schedule.opens_incidents)
    if now is WatchState.UNHEALTHY and now != before:
        _record("stack:turned_unhealthy", watch, run, at=at, cause=problems[0].cause)
    if now is WatchState.HEALTHY and before is WatchState.UNHEALTHY:
        _note_recovery(watch, run, at=at)
    watch.save()


def _held_watch(run: Run, schedule: StackSchedule, *, at: datetime) -> StackWatch:
    fresh = StackWatch(stack_id=run.stack_id, of_schedule=schedule.pk, since=at)
    StackWatch.objects.bulk_create([fresh], ignore_conflicts=True)
    watch = StackWatch.objects.select_for_update().get(pk=run.stack_id)
    return watch if watch.of_schedule == schedule.pk else fresh


def _record(verb: str, watch: StackWatch, run: Run, *, at: datetime, **data: object) -> None:
    about = {"run": run.pk, **data}
    trail.record(verb, subject=run.stack, by=SCHEDULER, at=at, incident_id=watch.incident_id, data=about)


def _note_recovery(watch: StackWatch, run: Run, *, at: datetime) -> None:
    if watch.incident_id is not None:
        text = f"Stack {run.stack.name} is healthy again, as its scheduled run {run.pk} saw"
        _link(Incident(pk=watch.incident_id), run, line=("recovered", text, {"run": run.pk}), at=at)
    _record("stack:recovered", watch, run, at=at)
    watch.incident, watch.told = None, []


def _link(incident: Incident, run: Run, *, line: Line, at: datetime) -> None:
    IncidentRun.objects.get_or_create(incident=incident, run=run)
    write_history(incident, by=SCHEDULER, at=at, lines=[line])


@dataclass(frozen=True, slots=True)
class _Telling:
    """What a run found wrong with a stack, on its way to the incident that has to know."""

    watch: StackWatch
    run: Run
    at: datetime

    def tell(self, problems: Sequence[Problem], *, opens: bool) -> None:
        """Tell the incident that waits, else one about the same problem, else a new one; of each cause once."""
        told = self.watch.told
        news = [one for one in problems if one.cause not in told]
        incident = _waiting(Q(pk=self.watch.incident_id))
        if incident is not None:
            for one in news:
                self._note(incident, one, "shows another problem")
        elif not news:
            self._tell_settled(problems[0])
        elif news[0].cause or not told:  # what nobody can explain is no news beside what was told
            incident = self._found_or_opened(news[0], opens=opens)
        if incident is not None:
            self.watch.incident, self.watch.told = incident, [*told, *(one.cause for one in news)]

    def _found_or_opened(self, problem: Problem, *, opens: bool) -> Incident | None:
        incident = _waiting(Q(Exists(_shown_for_incident(problem)), stack=self.run.stack_id))
        if incident is not None:
            self._note(incident, problem, f"found stack {self.run.stack.name} unhealthy")
        return incident or (self._opened(problem) if opens else None)

    def _note(self, incident: Incident, problem: Problem, what: str) -> None:
        text = f"Scheduled run {self.run.pk} {what}: {problem.sentence}"
        about: dict[str, object] = {"run": self.run.pk, "cause": problem.cause}
        _link(incident, self.run, line=("unhealthy", text, about), at=self.at)
        self._record("incident:run_linked", incident, problem)

    def _opened(self, problem: Problem) -> Incident:
        incident = Incident.objects.create(
            stack=self.run.stack,
            title=reports.title_of(TemplateFields(actual_behavior=problem.sentence)),
            opened_at=self.at,
            changed_at=self.at,
        )
        leading.add_title(incident, found=self._seen(problem))
        text = f"Incident opened: scheduled run {self.run.pk} found stack {self.run.stack.name} unhealthy"
        _link(incident, self.run, line=("opened", text, {"run": self.run.pk, "cause": problem.cause}), at=self.at)
        self._record("incident:opened", incident, problem)
        if problem.cause:  # which need not be the likeliest one: that may be told already
            suggest(run=self.run, incidents=[incident.pk], at=self.at, cause=problem.cause)
        return incident

    def _record(self, verb: str, incident: Incident, problem: Problem) -> None:
        about = {"stack": self.run.stack_id, "run": self.run.pk, "cause": problem.cause}
        trail.record(verb, subject=incident, by=SCHEDULER, at=self.at, incident_id=incident.pk, data=about)

    def _tell_settled(self, problem: Problem) -> None:
        """Say once on an incident that people settled that its stack is as unhealthy as before."""
        settled = self.watch.incident
        if settled is not None and SETTLED not in self.watch.told:
            self._note(settled, problem, "still finds the stack unhealthy")
            self.watch.told = [*self.watch.told, SETTLED]

    def _seen(self, problem: Problem) -> str:
        """Give what failed and the lines that show the problem, as somebody would paste them."""
        failed = results_of(self.run).filter(state=State.FAIL).order_by("slug").values_list("message", flat=True)
        return "\n".join([*failed, *cited_lines(self.run, problem.spans)])


def _shown_for_incident(problem: Problem) -> models.QuerySet[Diagnosis]:
    """Give the diagnoses with this very problem of runs that an incident of an outer query has."""
    alike = Q(conclusion=Conclusion.DIAGNOSED, document__causes__contains=[problem.shown])
    if not problem.cause:
        alike = Q(conclusion=Conclusion.INCONCLUSIVE, document__unexplained__contains=[problem.shown])
    return Diagnosis.objects.filter(alike, run__incident_runs__incident=OuterRef("pk"))


def _waiting(which: Q) -> Incident | None:
    """Give the newest waiting incident of these, locked so that it goes on waiting until the run is told."""
    waiting = Incident.objects.select_for_update(no_key=True, of=("self",)).filter(which, state__in=WAITING)
    return waiting.order_by("-opened_at", "-pk").first()
