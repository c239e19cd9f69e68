"""Hold an execution by lease and fence: who holds it may write, and a worker whose time is up may not."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from awe_incidents.recovery.errors import LeaseLost
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations.moving import held_request
from awe_incidents.recovery.states import HELD, ExecutionState
from diagnostics.queries import seconds

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0

RUN_OUT = "has run out"  # the database's word on a lease that ended between the look at it and the write
IDLE_SECONDS = 10  # a transaction in which a worker was stopped must not keep others from the rows

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Held:
    """An execution in the hands of this worker; its lease is renewed by a thread until it is closed."""

    execution_id: int
    request_id: int
    fence: int
    lease_seconds: float = LEASE_SECONDS
    _closing: threading.Event = field(default_factory=threading.Event)
    _renewing: threading.Thread | None = None

    def __enter__(self) -> Held:
        self._renewing = threading.Thread(target=self._renew, name=f"lease-{self.execution_id}", daemon=True)
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        assert self._renewing is not None
        self._renewing.join()

    def check(self) -> None:
        """See that it is still ours, by the database's clock.

        Raises: LeaseLost.
        """
        if not self._rows(HELD).exists():
            raise LeaseLost(f"execution {self.execution_id} is not held by fence {self.fence} any more")

    @contextmanager
    def writing(self, *states: ExecutionState) -> Iterator[tuple[Execution, RecoveryRequest]]:
        """Write in one transaction, with both rows locked, while it is ours and in one of these states (any held one).

        Raises: LeaseLost.
        """
        try:
            with transaction.atomic():
                _end_where_it_idles()
                request = held_request(self.request_id)
                execution = self._rows(states or HELD).select_for_update(of=("self",)).first()
                if execution is None:
                    raise LeaseLost(f"execution {self.execution_id} is not held by fence {self.fence} any more")
                request.execution = execution
                yield execution, request
        except IntegrityError as refused:
            if RUN_OUT not in str(refused):
                raise
            raise LeaseLost(f"execution {self.execution_id}: its time was up while this was written") from refused

    def _rows(self, states: Sequence[ExecutionState]) -> QuerySet[Execution]:
        return Execution.objects.filter(pk=self.execution_id, fence=self.fence, state__in=states, lease_until__gt=Now())

    def _renew(self) -> None:
        """Renew until closed; a lease that has run out is not taken up again."""
        try:
            while not self._closing.wait(self.lease_seconds * RENEW_SECONDS / LEASE_SECONDS):
                try:
                    if not self._rows(HELD).update(lease_until=Now() + seconds(self.lease_seconds)):
                        return
                except DatabaseError as error:
                    log.warning("lease not renewed", execution=self.execution_id, error=type(error).__name__)
                    connection.close()
        finally:
            connection.close()


def _end_where_it_idles() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
