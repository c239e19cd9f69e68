"""Scopes: each view says which scope each of its methods takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from awe_incidents.accounts.models import ApiToken
from awe_incidents.accounts.queries import usable_scopes

if TYPE_CHECKING:  # the framework's views load this class from the settings: importing them here would be a circle
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Let a token through that has the scope in the view's `scopes[method]`; no scope named means no entry."""

    message = "this takes a token"

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Compare; HEAD and OPTIONS count as GET."""
        if not isinstance(request.auth, ApiToken):
            return False
        scopes = getattr(view, "scopes", {})
        method = "GET" if request.method in {"HEAD", "OPTIONS"} else request.method
        needed = scopes.get(method)
        if needed is None and method not in scopes:
            return True  # no such method here: let the view answer 405
        self.message = f"this takes the scope {needed}: the token lacks it, or its person lacks the role for it"
        return needed in usable_scopes(request.auth)
