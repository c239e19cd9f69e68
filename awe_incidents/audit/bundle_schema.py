"""`schema.json` of a bundle: what its entries and the lines beside them look like, for other tools (JSON Schema)."""

from __future__ import annotations

import json
from typing import Any, Final

from awe_incidents.audit.canonical import MAX_INTEGER

_DATE: Final = "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME: Final = {"type": "string", "pattern": rf"^{_DATE}T([01][0-9]|2[0-3])(:[0-5][0-9]){{2}}\.[0-9]{{6}}Z$"}
_UUID: Final = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
_VERB: Final = {"type": "string", "pattern": "^[a-z_]+:[a-z_]+$", "maxLength": 64}
_INDEX: Final = {"type": "integer", "minimum": 0}
_INCIDENT: Final = {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_INTEGER}


def _object(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that has these members, and no others."""
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


ENTRY: Final = _object(
    "An entry of version 1 in tile/entries/: canonical JSON (RFC 8785) of at most 65,535 bytes, without floats.",
    {
        "v": {"const": 1},
        "id": _UUID,
        "at": _TIME,
        "verb": _VERB,
        "subject": _object("What it was done to.", {"type": {"type": "string"}, "id": {"type": "string"}}),
        "actor": _object(
            "Who did it; the name of a service stands behind the commitment actor.name.",
            {
                "kind": {"type": "string"},
                "id": {"type": ["integer", "null"]},
                "token": {"type": "string"},
                "on_behalf_of": {"type": "string"},
            },
        ),
        "incident": _INCIDENT,
        "data": {"type": "object"},
        "commitments": {
            "description": "SHA-256 over 0x02, the salt's length in one byte, the salt, and the text in UTF-8.",
            "type": "object",
            "additionalProperties": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        },
    },
)
PROJECTION: Final = _object(
    "A line of projection.jsonl: search columns that follow from the entry at this index.",
    {
        "index": _INDEX,
        "event_id": _UUID,
        "verb": _VERB,
        "subject_type": {"type": "string"},
        "subject_id": {"type": "string"},
        "actor": {"type": "string"},
        "incident_id": _INCIDENT,
        "occurred_at": _TIME,
    },
)
DISCLOSURES: Final = _object(
    "A line of disclosures.jsonl: salt in hex, and text, behind commitments of the entry at this index.",
    {
        "index": _INDEX,
        "texts": {
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "prefixItems": [{"type": "string", "pattern": "^([0-9a-f]{2}){16,255}$"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        },
    },
)
SCHEMA: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Entries of an exported audit trail, and the lines beside them",
    "$defs": {"entry": ENTRY, "projection": PROJECTION, "disclosures": DISCLOSURES},
}
NAME: Final = "schema.json"


def schema_file() -> bytes:
    """Give the file."""
    return json.dumps(SCHEMA, indent=1).encode() + b"\n"
