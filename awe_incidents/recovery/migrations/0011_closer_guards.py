"""More of the database's own word: roles at decision and claim, a signed intent, steps in order, leases and locks kept."""

from django.db import migrations

from awe_incidents.recovery.guards import rule, without_rule
from awe_incidents.recovery.states import HELD

REQUEST, DECISION, EXECUTION = "recovery_recoveryrequest", "recovery_decision", "recovery_execution"
STEP, LOCK, REVIEW = "recovery_executionstep", "recovery_targetlock", "recovery_review"
MANUAL = "recovery_manualaction"
held = ", ".join(f"'{state.value}'" for state in HELD)
# ruff: noqa: S608  our own words
REFUSED = "USING ERRCODE = 'check_violation'"

# Each IF is one sentence of docs/recovery.md.
ASKED_RULE = f"""
IF NEW.expires_at > clock_timestamp() + interval '1 hour' THEN
  RAISE EXCEPTION 'a request lives for an hour' {REFUSED};
END IF;
IF NOT EXISTS (SELECT FROM accounts_user WHERE id = NEW.requester_id AND is_active AND 'operator' = ANY(roles)) THEN
  RAISE EXCEPTION 'who asks is no operator' {REFUSED};
END IF;
IF NEW.incident_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM incidents_incident WHERE id = NEW.incident_id AND stack_id = NEW.stack_id) THEN
  RAISE EXCEPTION 'incident % is about another stack', NEW.incident_id {REFUSED};
END IF;
IF NEW.retry_of_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM {REQUEST} WHERE id = NEW.retry_of_id AND stack_id = NEW.stack_id) THEN
  RAISE EXCEPTION 'request % is about another stack', NEW.retry_of_id {REFUSED};
END IF;
"""
DECISION_RULE = f"""
DECLARE decider accounts_user%ROWTYPE;
BEGIN
  SELECT * INTO decider FROM accounts_user WHERE id = NEW.person_id;
  IF NOT (decider.is_active AND 'approver' = ANY(decider.roles)) THEN
    RAISE EXCEPTION '% is no approver', decider.username {REFUSED};
  END IF;
  IF EXISTS (SELECT FROM recovery_requestterms WHERE request_id = NEW.request_id
             AND affected_user <> '' AND lower(affected_user) = lower(decider.username)) THEN
    RAISE EXCEPTION 'nobody decides on what is done to the own account' {REFUSED};
  END IF;
END;
"""
CLAIM_RULE = f"""
DECLARE lacking text;
BEGIN
  IF NEW.state = OLD.state OR NEW.state <> 'claimed' THEN RETURN NEW; END IF;
  IF EXISTS (SELECT FROM {REVIEW} WHERE request_id = NEW.request_id AND claim_until <= clock_timestamp()) THEN
    RAISE EXCEPTION 'the time for which the glass was broken is up' {REFUSED};
  END IF;
  SELECT format('%s is no %s any more', person.username, needed.role) INTO lacking FROM (
    SELECT requester_id AS id, 'operator' AS role FROM {REQUEST} WHERE id = NEW.request_id
    UNION ALL
    SELECT person_id, 'approver' FROM {DECISION} WHERE request_id = NEW.request_id AND verdict = 'approved'
    UNION ALL
    SELECT broken_by_id, 'responder' FROM {REVIEW} WHERE request_id = NEW.request_id
  ) AS needed JOIN accounts_user AS person ON person.id = needed.id
  WHERE NOT (person.is_active AND needed.role = ANY(person.roles)) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '%', lacking {REFUSED};
  END IF;
END;
"""
ORDER_RULE = f"""
IF OLD.state IN ({held}) AND OLD.lease_until <= clock_timestamp() AND NEW.state NOT IN ('outcome_unknown', 'cancelling')
   AND (NEW.state <> OLD.state OR NEW.lease_until IS DISTINCT FROM OLD.lease_until) THEN
  RAISE EXCEPTION 'the lease of execution % has run out', NEW.id {REFUSED};
END IF;
IF NEW.state = OLD.state THEN RETURN NEW; END IF;
IF NEW.state = 'running' AND (NEW.started_at IS NULL OR NOT EXISTS (
   SELECT FROM audit_entry AS entry
   JOIN audit_leaf AS leaf ON leaf.entry_id = entry.id
   JOIN audit_checkpoint AS signed ON signed.size > leaf.index
   WHERE entry.id = NEW.intent AND entry.verb = 'execution:intended'
     AND entry.subject_type = 'execution' AND entry.subject_id = NEW.id::text
     AND convert_from(entry.body, 'UTF8')::jsonb #> '{{data,fence}}' = to_jsonb(NEW.fence))) THEN
  RAISE EXCEPTION 'the intent of execution % is not signed', NEW.id {REFUSED};
END IF;
IF NEW.state = 'verifying' AND EXISTS (SELECT FROM {STEP} WHERE execution_id = NEW.id AND state <> 'done') THEN
  RAISE EXCEPTION 'not every step of execution % is done', NEW.id {REFUSED};
END IF;
"""
STEP_RULE = f"""
IF NEW.state = OLD.state OR NEW.state <> 'started' THEN RETURN NEW; END IF;
IF NOT EXISTS (SELECT FROM {EXECUTION} WHERE id = NEW.execution_id AND state = 'running') THEN
  RAISE EXCEPTION 'execution % does not run, so no step begins', NEW.execution_id {REFUSED};
END IF;
IF EXISTS (SELECT FROM {STEP} WHERE execution_id = NEW.execution_id AND number < NEW.number AND state <> 'done') THEN
  RAISE EXCEPTION 'step % waits for those before it', NEW.number {REFUSED};
END IF;
"""
TAKING_RULE = f"""
IF NOT EXISTS (SELECT FROM {EXECUTION} AS taker JOIN {REQUEST} AS asked ON asked.id = taker.request_id
   WHERE taker.id = NEW.execution_id AND taker.state = 'claimed'
     AND asked.stack_id = NEW.stack_id AND asked.target = NEW.target) THEN
  RAISE EXCEPTION 'an execution takes its own target, once it is claimed' {REFUSED};
END IF;
"""
RELEASING_RULE = f"""
IF OLD.released_at IS NOT NULL THEN
  RAISE EXCEPTION 'what was released is not taken again' {REFUSED};
END IF;
IF EXISTS (SELECT FROM {EXECUTION}
   WHERE id = NEW.execution_id AND state IN ({held}, 'outcome_unknown')) THEN
  RAISE EXCEPTION 'execution % has not ended, so its target stays locked', NEW.execution_id {REFUSED};
END IF;
"""
BREAKING_RULE = f"""
DECLARE asked {REQUEST}%ROWTYPE; breaker accounts_user%ROWTYPE;
BEGIN
  SELECT * INTO asked FROM {REQUEST} WHERE id = NEW.request_id FOR UPDATE;
  SELECT * INTO breaker FROM accounts_user WHERE id = NEW.broken_by_id;
  IF asked.state <> 'pending_approval' OR asked.stack_id <> NEW.stack_id THEN
    RAISE EXCEPTION 'request % does not wait for an approval', NEW.request_id {REFUSED};
  END IF;
  IF asked.incident_id IS NULL THEN
    RAISE EXCEPTION 'a break-glass is for an incident' {REFUSED};
  END IF;
  IF NOT (breaker.is_active AND 'responder' = ANY(breaker.roles)) THEN
    RAISE EXCEPTION '% is no responder', breaker.username {REFUSED};
  END IF;
  IF NEW.claim_until > least(asked.expires_at, clock_timestamp() + interval '15 minutes')
     OR NEW.due_at > clock_timestamp() + interval '24 hours' THEN
    RAISE EXCEPTION 'a broken glass is claimed within a quarter of an hour, and reviewed within a day' {REFUSED};
  END IF;
  IF (SELECT count(*) FROM {REVIEW}
      WHERE broken_by_id = NEW.broken_by_id AND broken_at > clock_timestamp() - interval '24 hours') >= 3 THEN
    RAISE EXCEPTION '% broke the glass three times within a day', breaker.username {REFUSED};
  END IF;
END;
"""
REVIEWING_RULE = f"""
IF OLD.state = 'reviewed' THEN
  RAISE EXCEPTION 'a review is not changed' {REFUSED};
END IF;
IF NEW.reviewer_id IS NOT NULL AND NOT EXISTS (
   SELECT FROM accounts_user WHERE id = NEW.reviewer_id AND is_active AND 'approver' = ANY(roles)) THEN
  RAISE EXCEPTION 'who reviews is no approver' {REFUSED};
END IF;
IF EXISTS (SELECT FROM recovery_requestterms AS terms JOIN accounts_user AS person ON person.id = NEW.reviewer_id
   WHERE terms.request_id = NEW.request_id AND terms.affected_user <> ''
     AND lower(terms.affected_user) = lower(person.username)) THEN
  RAISE EXCEPTION 'nobody reviews what was done to the own account' {REFUSED};
END IF;
"""
TOLD_RULE = f"""
IF NEW.done_at > clock_timestamp() + interval '5 minutes' THEN
  RAISE EXCEPTION 'what was done does not lie in the future' {REFUSED};
END IF;
IF NEW.incident_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM incidents_incident WHERE id = NEW.incident_id AND stack_id = NEW.stack_id) THEN
  RAISE EXCEPTION 'incident % is about another stack', NEW.incident_id {REFUSED};
END IF;
"""
RULES = (
    (f"{REQUEST}_asked", REQUEST, "INSERT", ASKED_RULE),
    (f"{DECISION}_role", DECISION, "INSERT", DECISION_RULE),
    (f"{EXECUTION}_claim", EXECUTION, "UPDATE", CLAIM_RULE),
    (f"{EXECUTION}_work_order", EXECUTION, "UPDATE", ORDER_RULE),
    (f"{STEP}_order", STEP, "UPDATE", STEP_RULE),
    (f"{LOCK}_taking", LOCK, "INSERT", TAKING_RULE),
    (f"{LOCK}_releasing", LOCK, "UPDATE", RELEASING_RULE),
    (f"{REVIEW}_breaking", REVIEW, "INSERT", BREAKING_RULE),
    (f"{REVIEW}_reviewing", REVIEW, "UPDATE", REVIEWING_RULE),
    (f"{MANUAL}_told", MANUAL, "INSERT", TOLD_RULE),
)


class Migration(migrations.Migration):
    dependencies = [
        ("recovery", "0010_review_notices"),
        ("accounts", "0002_recovery_roles"),
        ("audit", "0010_key_ranges"),
        ("incidents", "0015_stack_watches"),
    ]

    operations = [
        migrations.RunSQL(rule(name, table, when, body), without_rule(name, table)) for name, table, when, body in RULES
    ]
