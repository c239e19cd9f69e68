"""Tables of people and API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from awe_incidents.accounts.roles import Role, Scope


class User(AbstractUser):
    """A person, with roles of this product beside Django's own flags."""

    roles = ArrayField(
        models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role]), default=list, blank=True
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="user_roles_known", condition=Q(roles__contained_by=[role.value for role in Role])
            )
        ]

    def has_role(self, role: Role) -> bool:
        """Say whether the person has this role and is active; being a superuser gives none."""
        return self.is_active and role.value in self.roles


class ApiToken(models.Model):
    """A bearer token: only its SHA-256 is kept; 32 random bytes need no slow hash."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes: ArrayField[Any, Any] = ArrayField(
        models.CharField(max_length=32, choices=[(scope.value, scope.value) for scope in Scope])
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)  # to the minute
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"
        constraints = [
            models.CheckConstraint(name="token_expires_after_creation", condition=Q(expires_at__gt=F("created_at"))),
            models.CheckConstraint(
                name="token_scopes_known",
                condition=Q(scopes__contained_by=[scope.value for scope in Scope]) & Q(scopes__len__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
