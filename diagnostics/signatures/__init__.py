"""Known log lines: catalogues by program, the matcher that finds them, templates of lines that nobody knows yet."""

from __future__ import annotations

from diagnostics.signatures.catalog import Signature, all_signatures, read_catalog, signature
from diagnostics.signatures.errors import CatalogInvalid, SignatureError, UnknownSignature
from diagnostics.signatures.matcher import Matcher, known_lines
from diagnostics.signatures.templates import Cluster, Clusters, digest_of, template_of

__all__ = [
    "CatalogInvalid",
    "Cluster",
    "Clusters",
    "Matcher",
    "Signature",
    "SignatureError",
    "UnknownSignature",
    "all_signatures",
    "digest_of",
    "known_lines",
    "read_catalog",
    "signature",
    "template_of",
]
