"""Runs and results at the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse

from awe_incidents.accounts.models import User
from awe_incidents.incidents.queries import visible_incidents, visible_runs, with_titles
from awe_incidents.triage.access import EVERYBODY, has_any_role, person_of
from awe_incidents.triage.base import DeskAdmin, display, time_column, value_filter
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.labels import KINDS, outcome
from awe_incidents.triage.live import fragment, is_going, run_version, tag_of
from awe_incidents.triage.results import shown_result, shown_run
from diagnostics.checks.base import SUITES
from diagnostics.checks.registry import all_checks
from diagnostics.checks.result import State
from diagnostics.models import BAD, CheckResult, Evidence, Run
from diagnostics.states import RunState

MAX_INCIDENTS = 10  # of one run; reports share runs


class RunAdmin(DeskAdmin):
    """Sets of checks on a stack."""

    seen_by = EVERYBODY
    template = "triage/run.html"
    list_display = (
        "number",
        "stack",
        "suite",
        "outcome",
        time_column("requested_at", description="Requested"),
        "duration",
    )
    list_filter = (value_filter("suite", SUITES), value_filter("state", list(RunState)), "stack")

    def visible(self, user: User) -> QuerySet[Run]:
        """Give the runs that a person may see."""
        return visible_runs(user)

    def for_list(self, rows: QuerySet[Run], user: User) -> QuerySet[Run]:
        """Leave out the descriptions of stacks."""
        return rows.defer("document", "stack__document", "stack__redaction_key")

    @display(description="Outcome", label=KINDS)
    def outcome(self, run: Run) -> tuple[str, str]:
        """Show what came out, or where it stands."""
        return outcome(run.state, run.counts)

    @display(description="Took")
    def duration(self, run: Run) -> str:
        """Show how long it took from start to finish."""
        return seconds_taken(run)

    def context(self, thing: Run, request: HttpRequest) -> Mapping[str, Any]:
        """Show head and results."""
        user = person_of(request)
        incidents = with_titles(visible_incidents(user).filter(incident_runs__run=thing), user).order_by("pk")
        return {
            "facts": _facts(thing, user)
            + [Fact("Incident", str(one), address(one)) for one in incidents[:MAX_INCIDENTS]],
            "latest": shown_run(thing),
            "live_url": self.address_of(thing, "live"),
            "live_tag": tag_of(run_version(thing)),
            "is_going": is_going([thing]),
        }

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give the part that is polled."""
        return [("live", self.live)]

    def live(self, request: HttpRequest, object_id: int) -> Any:
        """Answer with the results when they have changed."""
        run = self.found(request, object_id)
        return fragment(
            request,
            tag=tag_of(run_version(run)),
            going=is_going([run]),
            template="triage/parts/run.html",
            context=lambda: {"latest": shown_run(run)},
        )


def seconds_taken(run: Run) -> str:
    """Give the time from start to finish in seconds; empty while there is none."""
    if run.started_at is None or run.finished_at is None:
        return ""
    return f"{(run.finished_at - run.started_at).total_seconds():.1f} s"


def _facts(run: Run, user: User) -> list[Fact]:
    sees_more = has_any_role(user, DeskAdmin.seen_by)
    facts = [
        Fact("Stack", run.stack.name, address(run.stack) if sees_more else ""),
        Fact("Suite", run.suite),
        Fact("Requested", run.requested_at),
        Fact("Started", run.started_at),
        Fact("Attempts to start", run.starts),
        Fact("Finished", run.finished_at),
        Fact("Took", seconds_taken(run)),
    ]
    if sees_more:  # the reason names bug reports of others
        facts += [Fact("Reason", run.reason), Fact("Digest of results", run.digest)]
    return facts


class CheckResultAdmin(DeskAdmin):
    """Answers of checks, across runs."""

    seen_by = EVERYBODY
    template = "triage/check_result.html"
    list_display = ("slug", "state_label", "code", "target", "message", "run_number", "stack_name")
    list_filter = (value_filter("state", list(State)),)
    search_fields = ("slug",)
    search_help_text = "A check, or the code of something wrong, in full"

    def visible(self, user: User) -> QuerySet[CheckResult]:
        """Give the results of visible runs."""
        rows = CheckResult.objects.select_related("run__stack")
        return rows if has_any_role(user, DeskAdmin.seen_by) else rows.filter(run__in=visible_runs(user))

    def for_list(self, rows: QuerySet[CheckResult], user: User) -> QuerySet[CheckResult]:
        """Leave out findings and descriptions."""
        return rows.defer("findings", "run__document", "run__stack__document", "run__stack__redaction_key")

    def search(self, rows: QuerySet[CheckResult], term: str) -> QuerySet[CheckResult]:
        """Find by the slug of a check, of which there are many, or by the code of what is wrong, which is indexed."""
        return rows.filter(slug=term) if term in all_checks() else rows.filter(code=term, state__in=BAD)

    @display(description="State", label=KINDS)
    def state_label(self, row: CheckResult) -> str:
        """Show the state, or where the look stands."""
        return row.state or row.progress

    @display(description="Run")
    def run_number(self, row: CheckResult) -> str:
        """Show the run's number."""
        return str(row.run_id)

    @display(description="Stack")
    def stack_name(self, row: CheckResult) -> str:
        """Show the stack."""
        return row.run.stack.name

    def context(self, thing: CheckResult, request: HttpRequest) -> Mapping[str, Any]:
        """Show the answer with all its findings."""
        pieces = Evidence.objects.select_related("text").defer("text__compressed").order_by("pk")
        row = CheckResult.objects.prefetch_related(Prefetch("evidence", pieces)).get(pk=thing.pk)
        return {
            "facts": [
                Fact("State", row.state or row.progress, is_label=True),
                Fact("Code", row.code),
                Fact("Message", row.message),
                Fact("Target", row.target),
                Fact("Run", str(thing.run), address(thing.run)),
                Fact("Stack", thing.run.stack.name),
                Fact("Seen from", row.vantage),
                Fact("Needed first", row.prerequisite),
                Fact("Look next at", ", ".join(row.next_checks)),
                Fact("Started", row.started_at),
                Fact("Took", f"{row.duration_ms:,} ms" if row.duration_ms is not None else ""),
                Fact("Version of the check", row.version),
            ],
            "result": shown_result(row),
            "evidence": list(row.evidence.all()),
        }
