"""Looking into a token on a stack's page: what stands in it and whose key fits, shown once and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from awe_incidents.triage.facts import Fact
from awe_incidents.triage.fields import secret_field
from awe_incidents.triage.incident_steps import may_triage
from awe_incidents.triage.steps import Asked, Shown, Step, StepForm
from diagnostics.operations import inspect_token
from diagnostics.probes.token_inspection import GivenToken, Inspection
from diagnostics.probes.tokens import MAX_TOKEN_BYTES


class GivenTokenForm(StepForm):
    """Asks for the token; it is not shown again, whatever becomes of it."""

    token = secret_field(label="Token", max_length=MAX_TOKEN_BYTES)

    def clean_token(self) -> GivenToken:
        """Hide it from every repr."""
        return GivenToken(self.cleaned_data["token"])


def _inspect(asked: Asked) -> Shown:
    inspection = inspect_token(stack=asked.thing, token=asked.fields["token"], by=asked.by, at=asked.at)
    context = {
        "facts": list(_facts(inspection)),
        "keys": [(key.service, key.place, key.fit.replace("_", " "), key.detail) for key in inspection.keys],
        "notes": [(note.code, note.text) for note in inspection.notes],
    }
    return Shown("triage/inspection.html", "Token", context)


def _facts(inspection: Inspection) -> Iterator[Fact]:
    yield Fact("Kind", f"{inspection.kind}, {inspection.size_bytes} bytes in {inspection.segments} part(s)")
    header = [f"{name} {value}" for name, value in inspection.header.items()]
    yield Fact("Header", ", ".join([*header, *inspection.other_parameters]))
    yield Fact("Claims", ", ".join(inspection.claims))
    for time in inspection.times:
        yield Fact(time.claim, f"{time.at} ({time.from_now_seconds:+.0f} s from now)")
    if inspection.lifetime_seconds is not None:
        yield Fact("Lifetime", f"{inspection.lifetime_seconds:.0f} s")
    if inspection.inner:
        yield Fact("Inside", f"{inspection.inner.kind}, with the claims {', '.join(inspection.inner.claims)}")


TOKEN_STEPS = (
    Step(
        name="inspect-token",
        title="Inspect a token",
        explanation="Shows what stands in a token of this stack and whose key fits. Nothing of it is kept.",
        form=GivenTokenForm,
        may=may_triage,
        is_offered=lambda stack: True,
        carry_out=_inspect,
    ),
)
