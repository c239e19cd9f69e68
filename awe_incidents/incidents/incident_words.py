"""The table of words: what search, the lists of reporters and joining go by."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Lookup, Q

from diagnostics.models import Stack

# What new rows wait in before they are sorted into an index of words: every search reads through it.
GIN_PENDING_KB = 256


@SearchVectorField.register_lookup
class Matches(Lookup):
    """A query in PostgreSQL's own form (`vectors`), which no parser changes."""

    lookup_name = "matches"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Write it."""
        vector, of_vector = self.process_lhs(compiler, connection)
        query, of_query = self.process_rhs(compiler, connection)
        return f"{vector} @@ {query}::tsquery", (*of_vector, *of_query)


class IncidentWords(models.Model):
    """What one report says of an incident, or its title where there is none, as words (`vectors`).

    Derived from rows that are the truth: search and the lists of reporters go by it, as does what new reports join.
    """

    incident = models.ForeignKey("incidents.Incident", on_delete=models.PROTECT, related_name="words", db_index=False)
    report_id = models.BigIntegerField(null=True)  # no foreign key: reports are pruned, words may outlive them
    stack = models.ForeignKey(
        Stack, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )  # the incident's, which has the constraint
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, null=True
    )  # whose words they are
    opened_at = models.DateTimeField()  # of the incident
    is_lead = models.BooleanField(default=False)  # of an open incident the first: what new reports must resemble
    words = SearchVectorField()

    class Meta:
        verbose_name_plural = "words of incidents"
        indexes = [
            models.Index(fields=["incident", "person"], name="words_of_incident"),
            models.Index(fields=["person", "-opened_at", "-incident"], name="words_of_person"),
            # It holds every lead; the second condition keeps who names no stack from walking it.
            models.Index(fields=["stack", "-incident"], name="words_leading", condition=Q(is_lead=True, stack__gt=0)),
            GinIndex(fields=["words"], name="words_searched", gin_pending_list_limit=GIN_PENDING_KB),
            GinIndex(
                fields=["words"],
                name="words_compared",
                gin_pending_list_limit=GIN_PENDING_KB,
                condition=Q(is_lead=True),
            ),
        ]

    def __str__(self) -> str:
        return f"words of incident {self.incident_id}"
