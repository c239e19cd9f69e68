"""See which certificates the stack's doors really serve: files can be renewed and the server not reloaded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from diagnostics.checks.seeing import Seeing
from diagnostics.probes import tls
from diagnostics.probes.certificates import Certificate, CertificateUnusable, read_certificates
from diagnostics.probes.chains import neighbors
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import TlsFilesUnusable
from diagnostics.probes.handshake import Meeting, Patience, meet
from diagnostics.stack import Endpoint, StackConfig, TlsFiles

PATIENCE = Patience(connect=2.0, handshake=2.0)
MAX_MEETINGS_AT_ONCE = 16
ROLES = ("ca", "client_ca", "server_certificate", "client_certificate")


def tls_endpoints(stack: StackConfig) -> list[tuple[Endpoint, TlsFiles]]:
    """Give the endpoints that speak TLS, with their files."""
    return [
        (endpoint, stack.tls[endpoint.tls])
        for endpoint in stack.endpoints.values()
        if endpoint.tls and endpoint.url.startswith("https:")
    ]


def certificates_at_hand(stack: StackConfig) -> list[Certificate]:
    """Read all certificates of the stack and those that lie beside them: what is missing is mostly among them."""
    paths = [path for files in stack.tls.values() for role in ROLES if (path := getattr(files, role))]
    found: list[Certificate] = []
    for path in paths:
        with suppress(CertificateUnusable, NotPermitted):
            found += read_certificates(path)
    return [*found, *neighbors(paths)]


def look_at_served(seeing: Seeing) -> dict[str, Meeting]:
    """Shake hands with every TLS endpoint at once, trusting anything; by endpoint name, `served` holds the chain."""
    return {name: meetings[0] for name, meetings in look_at_served_often(seeing, times=1).items()}


def look_at_served_often(seeing: Seeing, *, times: int) -> dict[str, list[Meeting]]:
    """Do so several times, as the processes of one server need not all serve the same."""
    doors = tls_endpoints(seeing.stack)
    seeing.seconds_left()
    with ThreadPoolExecutor(MAX_MEETINGS_AT_ONCE) as pool:
        coming = {
            endpoint.name: [pool.submit(_meet, endpoint, files) for _ in range(times)] for endpoint, files in doors
        }
        return {name: [meeting.result() for meeting in meetings] for name, meetings in coming.items()}


def _meet(endpoint: Endpoint, files: TlsFiles) -> Meeting:
    context = tls.onlooking_context()
    if identity := tls.client_identity(files):
        # Only to be polite: without one the server has shown its own certificate already when it refuses.
        with suppress(TlsFilesUnusable, NotPermitted):
            tls.present(context, identity)
    return meet(endpoint, context, patience=PATIENCE)
