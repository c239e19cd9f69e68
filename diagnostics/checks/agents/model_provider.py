"""AGT-06: each model provider that [model_providers.*] names can be reached, accepts the key, and lists its models.

From where its service is (inside its container, or in the network of its process) the name is resolved and a connection
made, then one GET of the list of models goes there, with the application's own key, over TLS that is verified; nothing
is followed, and no prompt is sent. Where that place cannot be looked from, it is looked from here, the message says so,
and what keeps the connection from coming about is then a warning only.
Fail: `provider.key_refused` (401, 403), `provider.quota` (429), `provider.failing` (5xx, 408), `provider.timeout` (no
connection in 3 s [ours] or no answer in 8 s [ours]: egress is closed, or very slow), `provider.unknown_name`,
`provider.refused`, `provider.unreachable`, `provider.reset`, `provider.tls` (its certificate is not accepted, or
somebody else's is shown), `provider.no_answer` (what came is no HTTP). A failed connection is a warning where
network.connections tries the same address. Warn: `provider.unexpected` (another status, or no list of models).
Pass: `provider.answered`; `provider.by_proxy` where the service goes by an HTTP proxy of its environment (HTTPS_PROXY
and kin): then only that proxy is connected to. Error: secret_unavailable, not_permitted.
Thresholds: connect_seconds, total_seconds. Evidence holds status, times, request id and the provider's word for the
error; neither key nor body. It cannot see whether a prompt would be answered: some providers list models although the
account has no credit left; and certificates are held against the CAs of the machine that looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.edges import edges_of
from diagnostics.checks.outward import Outlook, http_proxy_of, outlook_of
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.connecting import Attempt
from diagnostics.probes.http import RequestFailure
from diagnostics.probes.model_provider import Models, list_models, place_of
from diagnostics.stack import ModelProvider, StackConfig

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 8.0
SAID = {
    "key_refused": "refuses the key",
    "quota": "says that the quota is used up, or that too much is asked at once",
    "failing": "fails by itself",
    "unexpected": "answers, and not with a list of models",
}
NAMES = {"dns": "unknown_name", "dns_timeout": "unknown_name"}
PASSED_ON = frozenset({"refused", "timeout", "unreachable", "reset"})


@dataclass(frozen=True, kw_only=True)
class ModelProviders(Check):
    """Every model provider that is described."""

    slug: ClassVar[str] = "agents.model_provider"
    title: ClassVar[str] = "Model providers are reached, and accept the key"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("network.dns", "startup.engine")
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a provider is described."""
        return None if stack.model_providers else "the stack describes no [model_providers.*]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask one provider after the other."""
        yield from look_at_each(
            seeing, seeing.stack.model_providers.values(), partial(_provider, seeing), named=lambda one: one.name
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What one provider is asked with: from where, and in which time."""

    provider: ModelProvider
    outlook: Outlook
    connect: Threshold
    total: Threshold

    @property
    def target(self) -> str:
        """Give host:port."""
        host, port = place_of(self.provider.url)
        return f"{host}:{port}"


def _provider(seeing: Seeing, provider: ModelProvider) -> Iterator[Finding]:
    """Connect, then ask. Raises: CouldNotLook, SecretUnavailable."""
    asked = Asked(
        provider,
        outlook_of(seeing, provider.service),
        seeing.threshold("connect_seconds", CONNECT_SECONDS, unit="s"),
        seeing.threshold("total_seconds", TOTAL_SECONDS, unit="s"),
    )
    proxy = http_proxy_of(seeing, provider.service, provider.url)
    host, port = proxy or place_of(provider.url)
    attempt = asked.outlook.connect(host, port, seconds=seeing.seconds_left(at_most=asked.connect.value))
    evidence = seeing.keep(
        "timing",
        source=f"TCP connection to {host}:{port} from {asked.outlook.text}",
        content=[f"{attempt.code or 'accepted'} after {attempt.milliseconds:g} ms: {attempt.text}"],
    )
    if attempt.code:
        yield _no_connection(seeing, asked, attempt, (host, port), evidence.whole())
    elif proxy:
        text = f"the HTTP proxy {host}:{port}, by which {provider.service} goes to it, accepts connections"
        yield _finding(seeing, asked, State.PASS, "by_proxy", text, evidence.whole())
    else:
        yield _answer(seeing, asked)


def _no_connection(seeing: Seeing, asked: Asked, attempt: Attempt, place: tuple[str, int], cited: Citation) -> Finding:
    is_told = place in {(edge.host, edge.port) for edge in edges_of(seeing.stack)}
    state = State.FAIL if asked.outlook.is_own and not is_told else State.WARN
    text = f"no connection to {place[0]}:{place[1]} comes about: {attempt.text}"
    limit = asked.connect if attempt.code == "timeout" else None
    return _finding(seeing, asked, state, NAMES.get(attempt.code, attempt.code), text, cited, threshold=limit)


def _answer(seeing: Seeing, asked: Asked) -> Finding:
    """Ask for the list of models. Raises: CouldNotLook, SecretUnavailable."""
    provider = asked.provider
    key = seeing.secret(provider.key) if provider.key else ""
    files = seeing.stack.tls[provider.tls] if provider.tls else None
    total = seeing.seconds_left(at_most=asked.total.value)
    ask = partial(list_models, provider, key, files, connect_seconds=asked.connect.value, total_seconds=total)
    source = f"GET {provider.url}{provider.models_path} from {asked.outlook.text}"
    try:
        models = asked.outlook.carry_out(ask, *place_of(provider.url))
    except RequestFailure as failure:
        evidence = seeing.keep("timing", source=source, content=[f"{failure.code}: {failure.text}"])
        return _no_answer(seeing, asked, failure, evidence.whole())
    evidence = seeing.keep("command", source=source, content=models.lines())
    return _judged(seeing, asked, models, evidence.whole())


def _no_answer(seeing: Seeing, asked: Asked, failure: RequestFailure, cited: Citation) -> Finding:
    plain = failure.code.removeprefix("http.")
    reason = "tls" if plain.startswith("tls_") else NAMES.get(plain, plain if plain in PASSED_ON else "no_answer")
    text = f"it was connected to, and gave no answer: {failure.text}"
    state = State.FAIL if asked.outlook.is_own or reason == "tls" else State.WARN
    return _finding(seeing, asked, state, reason, text, cited, threshold=asked.total if reason == "timeout" else None)


def _judged(seeing: Seeing, asked: Asked, models: Models, cited: Citation) -> Finding:
    if models.verdict == "answered":
        text = f"lists {models.count} models in {models.milliseconds:g} ms"
        return _finding(seeing, asked, State.PASS, "answered", text, cited, models=models)
    word = f", {models.error}" if models.error else ""
    wait = f"; it may be asked again in {models.retry_after} s" if models.retry_after else ""
    text = f"{SAID[models.verdict]} (HTTP {models.status}{word}){wait}"
    state = State.WARN if models.verdict == "unexpected" else State.FAIL
    return _finding(seeing, asked, state, models.verdict, text, cited, models=models)


def _finding(
    seeing: Seeing,
    asked: Asked,
    state: State,
    reason: str,
    text: str,
    cited: Citation,
    *,
    threshold: Threshold | None = None,
    models: Models | None = None,
) -> Finding:
    place = "" if asked.outlook.is_own else f" (looked from here: {asked.outlook.because})"
    measured = {"looked_from": Measurement(asked.outlook.text)}
    if models:
        measured |= {
            "status": Measurement(models.status),
            "total": Measurement(models.milliseconds, "ms"),
            "request_id": Measurement(models.request_id),
        }
    return Finding(
        state=state,
        code=f"provider.{reason}",
        message=seeing.clean(f"{asked.provider.name} at {asked.target}: {text}{place}"),
        target=asked.target,
        measured=measured,
        threshold=threshold,
        citations=(cited,),
        blocks=False,
    )
