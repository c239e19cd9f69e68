"""The signed log as auditors and their tools read it: checkpoint, tiles by C2SP tlog-tiles, consistency proofs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.fields import MAX_ID, WholeNumber
from awe_incidents.api.kept import represent
from awe_incidents.api.parameters import Parameters
from awe_incidents.api.problems import InvalidFields
from awe_incidents.api.renderers import AnyBytes, PlainText
from awe_incidents.api.views import ScopedView
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import AwaitsSignature, HashesMissing, TrailBroken
from awe_incidents.audit.queries import log_tree
from awe_incidents.audit.tiles import TileName

CHECKPOINT_SECONDS = 5
FOR_EVER = "private, max-age=31536000, immutable"
LEVEL = OpenApiParameter(
    "level",
    {"type": "string", "pattern": "^(0|[1-9][0-9]?|entries)$"},
    location=OpenApiParameter.PATH,
    description="Of hashes, or `entries`.",
)
INDEX = OpenApiParameter(
    "index",
    {"type": "string", "pattern": r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?$"},
    location=OpenApiParameter.PATH,
    description="In groups of three digits, with the width behind where the tile is not full: `x001/234.p/5`.",
)
_NOTE = OpenApiResponse(OpenApiTypes.STR, description="A signed note that holds a C2SP tlog-checkpoint.")


class _Log(ScopedView):
    """Views of the log that is under the newest checkpoint."""

    scopes: ClassVar = {"GET": Scope.AUDIT_READ}
    refusals: ClassVar = {"GET": (AwaitsSignature, HashesMissing, TrailBroken)}


class _Checkpoint(_Log):
    renderer_classes = [PlainText]

    def answer(self) -> HttpResponse:
        """Give the newest signed note as it was published."""
        with log_tree() as tree:
            return HttpResponse(
                tree.note,
                content_type="text/plain; charset=utf-8",
                headers={
                    "Cache-Control": f"private, max-age={CHECKPOINT_SECONDS}",
                    "X-Content-Type-Options": "nosniff",
                },
            )


class NewestCheckpoint(_Checkpoint):
    """The newest checkpoint."""

    @extend_schema(operation_id="get_audit_checkpoint", responses={(200, "text/plain"): _NOTE})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the newest signed checkpoint: keep one, and later ones can be held against it."""
        return self.answer()


class LogCheckpoint(_Checkpoint):
    """The newest checkpoint, at the address of C2SP tlog-tiles."""

    @extend_schema(operation_id="get_audit_log_checkpoint", responses={(200, "text/plain"): _NOTE})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the newest signed checkpoint to tools for C2SP tlog-tiles, whose prefix is /api/v1/audit/log."""
        return self.answer()


class LogTile(_Log):
    """Tiles of the log."""

    renderer_classes = [AnyBytes]

    @extend_schema(
        operation_id="get_audit_log_tile",
        parameters=[LEVEL, INDEX],
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, description="The tile.")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give a tile of hashes, or a bundle of entries, by C2SP tlog-tiles; what is given never changes."""
        name = TileName.parse(f"tile/{kwargs['level']}/{kwargs['index']}")
        with log_tree() as tree:
            content = tree.tile(name)
        headers = {"Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff"}
        return HttpResponse(content, content_type="application/octet-stream", headers=headers)


class Sizes(Parameters):
    """Between which sizes."""

    to = WholeNumber(required=False, min_value=1, max_value=MAX_ID, help_text="The size of the newest checkpoint.")

    def validate(self, attrs: Mapping[str, int]) -> Mapping[str, int]:
        """Demand sizes in their order."""
        if attrs.get("to", MAX_ID) < attrs["from"]:
            raise serializers.ValidationError({"to": "This is smaller than from; a log only grows."})
        return attrs


Sizes._declared_fields["from"] = WholeNumber(  # the word is taken in Python
    min_value=1, max_value=MAX_ID, help_text="The size of a checkpoint that you hold."
)


class TreeOfSize(serializers.Serializer[Any]):
    """The tree of the first `size` entries."""

    size = serializers.IntegerField()
    root = serializers.CharField(help_text="In base64, as in a checkpoint.")  # type: ignore[assignment]


class ConsistencySerializer(serializers.Serializer[Any]):
    """A proof that one tree is the beginning of another (RFC 6962, 2.1.2)."""

    origin = serializers.CharField()
    to = TreeOfSize()
    hashes = serializers.ListField(child=serializers.CharField(), help_text="In base64; none between equal sizes.")


ConsistencySerializer._declared_fields["from"] = TreeOfSize()


class LogConsistency(_Log):
    """Consistency proofs."""

    serializer_class = ConsistencySerializer
    parameters: ClassVar = {"GET": Sizes}

    @extend_schema(operation_id="get_audit_consistency")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Prove that the log of one size is the beginning of that of another; neither is larger than what is signed."""
        with log_tree() as tree:
            old_size = self.asked["from"]
            new_size = self.asked.get("to", max(tree.size, old_size))
            beyond = [name for name, size in (("from", old_size), ("to", new_size)) if size > tree.size]
            if beyond:
                raise InvalidFields(
                    [(beyond[0], f"{tree.size} entries are signed by now, and no more.")], place="query"
                )
            proof = tree.prove_consistency(old_size=old_size, new_size=new_size)
        told = {
            "origin": proof.new.origin,
            "from": _tree(proof.old),
            "to": _tree(proof.new),
            "hashes": [_base64(one) for one in proof.hashes],
        }
        return Response(represent(ConsistencySerializer, told))


def _tree(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"size": checkpoint.size, "root": _base64(checkpoint.root)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
