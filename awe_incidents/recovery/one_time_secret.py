"""The table of secrets that executions make for their requesters."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from awe_incidents.recovery.states import FINAL_EXECUTIONS, HAS_EFFECT, SecretState


class OneTimeSecret(models.Model):
    """What an execution made for its requester's eyes: sealed until it is shown once, and gone afterwards."""

    execution = models.OneToOneField("recovery.Execution", on_delete=models.PROTECT, related_name="secret")
    state = models.CharField(max_length=16, default=SecretState.SEALED)
    ciphertext = models.BinaryField(null=True, editable=False)  # none once it was shown or has expired
    sealed_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()  # by the database's clock
    shown_to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(name="secret_state", condition=Q(state__in=list(SecretState))),
            models.CheckConstraint(
                name="secret_gone",
                condition=Q(state=SecretState.SEALED, ciphertext__isnull=False)
                | (~Q(state=SecretState.SEALED) & Q(ciphertext__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="secret_sealed", condition=Q(state=SecretState.SEALED)),
        ]

    def __str__(self) -> str:
        return f"secret of execution {self.execution_id}"

    @property
    def counts(self) -> bool:
        """Say whether its execution has ended and had an effect; before, nobody is shown it."""
        return self.execution.state in FINAL_EXECUTIONS and self.execution.effect in HAS_EFFECT
