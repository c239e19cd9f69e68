"""The database's own word: transition tables, who may not decide, one claim at a time, and rows that never change.

What stands here is what states.py said when this was written; a later change of it needs a later migration, which a test
asks for.
"""

from django.db import migrations

from awe_incidents.audit.guards import append_only, changeable_columns
from awe_incidents.recovery.guards import (
    rule,
    transitions,
    unchanging,
    without_rule,
    without_transitions,
    without_unchanging,
)
from awe_incidents.recovery.states import (
    EXECUTION_TRANSITIONS,
    FINAL_EXECUTIONS,
    HELD,
    REQUEST_TRANSITIONS,
    REVIEW_TRANSITIONS,
    STEP_TRANSITIONS,
    ExecutionState,
    RequestState,
    ReviewState,
    StepState,
)

REQUEST, DECISION, EXECUTION = "recovery_recoveryrequest", "recovery_decision", "recovery_execution"
STEP, OUTPUT, LOCK, REVIEW = (
    "recovery_executionstep",
    "recovery_outputchunk",
    "recovery_targetlock",
    "recovery_review",
)
held = ", ".join(f"'{state.value}'" for state in HELD)
final = ", ".join(f"'{state.value}'" for state in FINAL_EXECUTIONS)
# ruff: noqa: S608  our own words
REFUSED = "USING ERRCODE = 'check_violation'"

# Each IF is one sentence of docs/recovery.md.
APPROVAL_RULE = f"""
IF NEW.state = OLD.state THEN RETURN NEW; END IF;
IF NEW.state = 'approved' AND OLD.state = 'planned' AND NEW.approvals_needed > 0 THEN
  RAISE EXCEPTION 'request % needs approvals', NEW.id {REFUSED};
END IF;
IF NEW.state = 'approved' AND NOT EXISTS (SELECT FROM recovery_requestterms WHERE request_id = NEW.id) THEN
  RAISE EXCEPTION 'request % has no terms', NEW.id {REFUSED};
END IF;
IF NEW.state IN ('approved', 'break_glass', 'executing')
   AND EXISTS (SELECT FROM {DECISION} WHERE request_id = NEW.id AND verdict = 'denied') THEN
  RAISE EXCEPTION 'request % was denied', NEW.id {REFUSED};
END IF;
IF NEW.state = 'approved' AND OLD.state = 'pending_approval'
   AND (SELECT count(*) FROM {DECISION} WHERE request_id = NEW.id AND verdict = 'approved') < NEW.approvals_needed THEN
  RAISE EXCEPTION 'request % lacks approvals', NEW.id {REFUSED};
END IF;
IF (NEW.state = 'break_glass' OR OLD.state = 'break_glass')
   AND NOT EXISTS (SELECT FROM {REVIEW} WHERE request_id = NEW.id) THEN
  RAISE EXCEPTION 'no review is due for request %', NEW.id {REFUSED};
END IF;
IF NEW.state = 'denied' AND NOT EXISTS (SELECT FROM {DECISION} WHERE request_id = NEW.id AND verdict = 'denied') THEN
  RAISE EXCEPTION 'nobody denied request %', NEW.id {REFUSED};
END IF;
IF NEW.state = 'executing'
   AND NOT EXISTS (SELECT FROM {EXECUTION} WHERE request_id = NEW.id AND state <> 'queued') THEN
  RAISE EXCEPTION 'nothing executes request %', NEW.id {REFUSED};
END IF;
IF NEW.state = 'done' AND NOT EXISTS (SELECT FROM {EXECUTION} WHERE request_id = NEW.id AND state IN ({final})) THEN
  RAISE EXCEPTION 'the execution of request % has not ended', NEW.id {REFUSED};
END IF;
"""
DECISION_RULE = f"""
DECLARE asked {REQUEST}%ROWTYPE;
BEGIN
  SELECT * INTO asked FROM {REQUEST} WHERE id = NEW.request_id FOR UPDATE;
  IF asked.state <> 'pending_approval' THEN
    RAISE EXCEPTION 'request % is %, so nobody decides on it', NEW.request_id, asked.state {REFUSED};
  END IF;
  IF asked.requester_id = NEW.person_id THEN
    RAISE EXCEPTION 'nobody decides on an own request' {REFUSED};
  END IF;
  IF asked.expires_at <= clock_timestamp() THEN
    RAISE EXCEPTION 'request % has expired', NEW.request_id {REFUSED};
  END IF;
  IF NOT EXISTS (SELECT FROM recovery_requestterms WHERE request_id = NEW.request_id AND digest = NEW.digest) THEN
    RAISE EXCEPTION 'the decision is on other terms than those of request %', NEW.request_id {REFUSED};
  END IF;
END;
"""
QUEUE_RULE = f"""
IF NOT EXISTS (SELECT FROM {REQUEST} WHERE id = NEW.request_id AND state = 'approved') THEN
  RAISE EXCEPTION 'request % is not approved', NEW.request_id {REFUSED};
END IF;
"""
EXECUTION_RULE = f"""
IF OLD.state IN ({final}) THEN
  RAISE EXCEPTION 'execution % has ended', OLD.id {REFUSED};
END IF;
IF NEW.fence <> OLD.fence + (CASE WHEN OLD.state = 'queued' AND NEW.state = 'claimed' THEN 1 ELSE 0 END) THEN
  RAISE EXCEPTION 'the fence grows by one with a claim, and never otherwise' {REFUSED};
END IF;
IF NEW.state = OLD.state THEN RETURN NEW; END IF;
IF NEW.state = 'claimed' AND NOT EXISTS (
   SELECT FROM {REQUEST} WHERE id = NEW.request_id AND state = 'approved' AND expires_at > clock_timestamp()) THEN
  RAISE EXCEPTION 'request % is not approved, or has expired', NEW.request_id {REFUSED};
END IF;
IF NEW.state = 'running' AND NOT EXISTS (
   SELECT FROM {LOCK} WHERE execution_id = NEW.id AND released_at IS NULL) THEN
  RAISE EXCEPTION 'execution % does not hold its target', NEW.id {REFUSED};
END IF;
IF NEW.state IN ('running', 'verifying') AND NEW.lease_until <= clock_timestamp() THEN
  RAISE EXCEPTION 'the lease of execution % has run out', NEW.id {REFUSED};
END IF;
IF NEW.state = 'outcome_unknown' AND NOT EXISTS (
   SELECT FROM {LOCK} WHERE execution_id = NEW.id AND released_at IS NULL) THEN
  RAISE EXCEPTION 'an unknown outcome keeps its target locked' {REFUSED};
END IF;
"""
STEP_RULE = f"""
IF NOT EXISTS (SELECT FROM {EXECUTION}
   WHERE id = NEW.execution_id AND state IN ({held}) AND lease_until > clock_timestamp()) THEN
  RAISE EXCEPTION 'nobody holds execution % now', NEW.execution_id {REFUSED};
END IF;
"""
OUTPUT_RULE = f"""
IF NOT EXISTS (SELECT FROM {EXECUTION}
   WHERE id = NEW.execution_id AND fence = NEW.fence AND state IN ({held}) AND lease_until > clock_timestamp()) THEN
  RAISE EXCEPTION 'execution % is not held by fence %', NEW.execution_id, NEW.fence {REFUSED};
END IF;
IF NEW.sha256 <> encode(sha256(convert_to(NEW.text, 'UTF8')), 'hex') THEN
  RAISE EXCEPTION 'the digest is not that of the text' {REFUSED};
END IF;
"""
# Whoever takes a lock waits for the stack's row first, so that two that overlap do not pass each other.
LOCK_RULE = f"""
DECLARE other bigint;
BEGIN
  PERFORM FROM diagnostics_stack WHERE id = NEW.stack_id FOR NO KEY UPDATE;
  SELECT execution_id INTO other FROM {LOCK}
  WHERE stack_id = NEW.stack_id AND released_at IS NULL
    AND (target = NEW.target OR target = '' OR NEW.target = ''
         OR starts_with(NEW.target, target || '/') OR starts_with(target, NEW.target || '/'))
  LIMIT 1;
  IF other IS NOT NULL THEN
    RAISE EXCEPTION 'execution % holds it', other USING ERRCODE = 'exclusion_violation';
  END IF;
END;
"""
REVIEW_RULE = f"""
IF NEW.reviewer_id IS NOT NULL
   AND EXISTS (SELECT FROM {REQUEST} WHERE id = NEW.request_id AND requester_id = NEW.reviewer_id) THEN
  RAISE EXCEPTION 'a break-glass is reviewed by somebody else' {REFUSED};
END IF;
"""
RULES = (
    (f"{REQUEST}_approval", REQUEST, "UPDATE", APPROVAL_RULE),
    (f"{DECISION}_person", DECISION, "INSERT", DECISION_RULE),
    (f"{EXECUTION}_queue", EXECUTION, "INSERT", QUEUE_RULE),
    (f"{EXECUTION}_hold", EXECUTION, "UPDATE", EXECUTION_RULE),
    (f"{STEP}_hold", STEP, "INSERT OR UPDATE", STEP_RULE),
    (f"{OUTPUT}_hold", OUTPUT, "INSERT", OUTPUT_RULE),
    (f"{LOCK}_overlap", LOCK, "INSERT", LOCK_RULE),
    (f"{REVIEW}_person", REVIEW, "UPDATE", REVIEW_RULE),
)
TABLES = (
    (REQUEST, REQUEST_TRANSITIONS, RequestState.PLANNED),
    (EXECUTION, EXECUTION_TRANSITIONS, ExecutionState.QUEUED),
    (STEP, STEP_TRANSITIONS, StepState.WAITING),
    (REVIEW, REVIEW_TRANSITIONS, ReviewState.DUE),
)
CHANGEABLE = {
    REQUEST: ("state", "changed_at"),
    EXECUTION: (
        "state",
        "fence",
        "lease_until",
        "rung_at",
        "started_at",
        "finished_at",
        "intent",
        "cancel_asked_at",
        "effect",
        "outcome",
        "verification",
    ),
    STEP: ("state", "started_at", "finished_at"),
    LOCK: ("released_at",),
    REVIEW: ("state", "reviewer_id", "verdict", "findings", "reviewed_at"),
}


class Migration(migrations.Migration):
    dependencies = [("recovery", "0001_initial"), ("audit", "0002_guards")]

    operations = [
        *(append_only(table) for table in ("recovery_requestterms", DECISION, OUTPUT, "recovery_manualaction")),
        *(changeable_columns(table, *columns) for table, columns in CHANGEABLE.items()),
        *(
            migrations.RunSQL(unchanging(table, *columns), without_unchanging(table))
            for table, columns in CHANGEABLE.items()
        ),
        *(
            migrations.RunSQL(transitions(table, steps, first=first), without_transitions(table))
            for table, steps, first in TABLES
        ),
        *(
            migrations.RunSQL(rule(name, table, when, body), without_rule(name, table))
            for name, table, when, body in RULES
        ),
    ]
