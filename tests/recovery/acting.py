"""Actions whose effects a test can count: each step appends a line to a file, which is the target."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

from awe_incidents.recovery.actions.base import Acting, Action, ActionFailed, Doing, Plan, Probed, Rate, Step, Verified
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from awe_incidents.recovery.operations.output import MAX_CHUNK_CHARACTERS
from diagnostics.stack import SecretReference, StackConfig
from tests.leaks.canaries import KEY

LOG = "api.log"  # of the service that is acted on
MADE = "made/just+now-Quartz 4711"  # what an action makes
MOODS = ["well", "refuses", "breaks", "lies", "slow", "lingers"]
PATIENCE_SECONDS = 120.0  # for a test to let it go on


@dataclass(frozen=True, kw_only=True)
class WriteParameters(Parameters):
    """Which file below the stack's root, and how it goes."""

    file: str = parameter("Name of the file.", pattern=r"^[a-z]+$")
    lines: int = parameter("How many steps.", default=1, minimum=1, maximum=10)
    mood: str = parameter("What goes wrong.", default="well", enum=MOODS)
    user: str = parameter("Whose it is.", default="nobody")
    target: str = parameter("What it locks.", default="api")


@dataclass(frozen=True, kw_only=True)
class Write(Action[WriteParameters]):
    """Appends lines."""

    slug: ClassVar[str] = "test.write"
    title: ClassVar[str] = "Write lines"
    tier: ClassVar[int] = 2
    rate: ClassVar[Rate] = Rate(times=1_000_000)
    parameters: ClassVar[type[Any]] = WriteParameters

    def affected_user(self, parameters: WriteParameters) -> str:
        return parameters.user

    def target(self, stack: StackConfig, parameters: WriteParameters) -> str:
        return "" if parameters.target == "stack" else parameters.target

    def fingerprint(self, site: Site, parameters: WriteParameters) -> Mapping[str, Any]:
        path = path_of(site, parameters)
        if not path.parent.is_dir():
            raise ActionNotApplicable(f"{path.parent} is gone")
        return {"content": content_of(path)}

    def plan(self, acting: Acting[WriteParameters]) -> Plan:
        return Plan(destroys=("nothing",), way_back="remove the lines")

    def steps(self, acting: Acting[WriteParameters]) -> Sequence[Step]:
        return [
            Step(f"line-{number}", f"Write line {number}", partial(_write, acting, number))
            for number in range(1, acting.parameters.lines + 1)
        ]

    def prechecks(self, acting: Acting[WriteParameters]) -> Iterator[str]:
        if path_of(acting.site, acting.parameters).with_suffix(".forbidden").exists():
            yield "it is forbidden"

    def verify(self, acting: Acting[WriteParameters]) -> Verified:
        lines = content_of(path_of(acting.site, acting.parameters)).count("\n")
        is_good = acting.parameters.mood != "lies" and lines == acting.parameters.lines
        return Verified(is_good=is_good, text=f"{lines} lines", before=dict(acting.facts), after={"lines": lines})

    def probe(self, acting: Acting[WriteParameters]) -> Probed:
        lines = content_of(path_of(acting.site, acting.parameters)).count("\n")
        if not lines:
            return Probed.NOT_STARTED
        return Probed.FINISHED_WELL if lines == acting.parameters.lines else Probed.FINISHED_BADLY


class WriteAtOnce(Write):
    """The same for one operator."""

    slug: ClassVar[str] = "test.write_at_once"
    tier: ClassVar[int] = 1


class WriteForGood(Write):
    """The same where the stack's name is typed."""

    slug: ClassVar[str] = "test.write_for_good"
    tier: ClassVar[int] = 3


class WriteSeldom(Write):
    """The same, twice an hour."""

    slug: ClassVar[str] = "test.write_seldom"
    rate: ClassVar[Rate] = Rate(times=2)


class WriteSeldomAtOnce(WriteSeldom):
    """The same for one operator."""

    slug: ClassVar[str] = "test.write_seldom_at_once"
    tier: ClassVar[int] = 1


class Seal(Write):
    """Makes a secret."""

    slug: ClassVar[str] = "test.seal"

    def steps(self, acting: Acting[WriteParameters]) -> Sequence[Step]:
        return [Step("seal", "Make a secret", partial(_seal, acting))]


class Leak(Write):
    """Gives away the secrets that it knows in every way that an action has."""

    slug: ClassVar[str] = "test.leak"

    def steps(self, acting: Acting[WriteParameters]) -> Sequence[Step]:
        return [Step("leak", "Give secrets away", partial(_leak, acting))]

    def verify(self, acting: Acting[WriteParameters]) -> Verified:
        if acting.parameters.mood == "lies":
            raise RuntimeError(f"not like {known(acting)} and {MADE}")
        text = f"it was {known(acting)} and is {MADE}"
        return Verified(is_good=True, text=text, before={"it": [known(acting)]}, after={MADE: {"it": MADE}})


class LeakBefore(Write):
    """Gives the stack's secret away before anything is done: in what it plans, notes and complains of."""

    slug: ClassVar[str] = "test.leak_before"

    def fingerprint(self, site: Site, parameters: WriteParameters) -> Mapping[str, Any]:
        secret = site.resolver.reveal(SecretReference.parse("db:canary"))
        match parameters.mood:
            case "refuses":
                raise ActionNotApplicable(f"nothing to do for {secret}")
            case "breaks":
                raise ConnectionRefusedError(f"refused: {json.dumps(secret)}")
            case "lies":
                return {"kept": [{"it": secret}]}
        return super().fingerprint(site, parameters)

    def plan(self, acting: Acting[WriteParameters]) -> Plan:
        secret = known(acting)
        if acting.parameters.mood == "slow":
            raise RuntimeError(f"no plan for {secret}")
        return Plan(destroys=(f"what {secret} opens",), way_back=f"with {quote(secret)}", warnings=(f"as {secret}",))

    def steps(self, acting: Acting[WriteParameters]) -> Sequence[Step]:
        return [Step("line-1", f"Write {known(acting)}", partial(_write, acting, 1))]

    def prechecks(self, acting: Acting[WriteParameters]) -> Iterator[str]:
        yield f"{known(acting)} stands against it"


def path_of(site: Site, parameters: WriteParameters) -> Path:
    return site.stack.root / parameters.file


def content_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _write(acting: Acting[WriteParameters], number: int, doing: Doing) -> None:
    path, mood = path_of(acting.site, acting.parameters), acting.parameters.mood
    if mood == "slow":
        _wait_for_word(path)
        doing.check()
    if mood == "refuses" and number == acting.parameters.lines:
        raise ActionFailed("the file is not writable")
    with path.open("a") as file:
        file.write(f"{doing.token}\n")
    if mood == "lingers":  # it has had its effect, and nobody has been told so
        _wait_for_word(path)
    if mood == "breaks":
        raise ConnectionResetError("the answer was lost")
    doing.say(f"wrote line {number}")


def _wait_for_word(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.with_suffix(".go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def _seal(acting: Acting[WriteParameters], doing: Doing) -> None:
    doing.seal(MADE)
    _write(acting, 1, doing)


def known(acting: Acting[WriteParameters]) -> str:
    """Give the secret of the stack, as an action has it at the moment of use."""
    return acting.site.resolver.reveal(SecretReference.parse("db:canary"))


def _complained(secret: str) -> str:
    """Give what a program says on its standard error that reads a secret from its standard input."""
    complaining = "import sys; sys.stderr.write(f'cannot log in with {sys.stdin.read()!r}: refused')"
    done = subprocess.run([sys.executable, "-c", complaining], input=secret, capture_output=True, text=True, check=True)
    return done.stderr


def _leak(acting: Acting[WriteParameters], doing: Doing) -> None:
    doing.seal(MADE)
    for secret in (known(acting), MADE):
        doing.say(_complained(secret))
        for text in (*ways_to_write(secret), base64.b64encode(b"ab" + secret.encode()).decode()):
            doing.say(f"it is {text} there")
        doing.say(json.dumps({"it": [secret]}))
        doing.say("." * (MAX_CHUNK_CHARACTERS - len(secret) // 2) + secret)  # across the boundary of two chunks
    with (acting.site.stack.root / LOG).open("a") as log:
        log.write("".join(f"{text}\n" for text in ways_to_write(known(acting))))
    for line in KEY.splitlines():
        doing.say(line)  # a line each, none of which tells that it is of a key
    if acting.parameters.mood == "refuses":
        raise ActionFailed(f"refused by {known(acting)} and {MADE}")
    if acting.parameters.mood == "breaks":
        raise ConnectionResetError(f"lost: {known(acting)} and {MADE}")
    _write(acting, 1, doing)


def ways_to_write(secret: str) -> list[str]:
    """Give a secret as programs write it: plain, in base64, in addresses, in JSON, in hexadecimal."""
    data = secret.encode()
    in_json = json.dumps(json.dumps({"it": secret}))
    return [secret, base64.b64encode(data).decode(), quote(secret, safe=""), quote_plus(secret), in_json, data.hex()]


ALL = {
    one.slug: one()
    for one in (Write, WriteAtOnce, WriteForGood, WriteSeldom, WriteSeldomAtOnce, Seal, Leak, LeakBefore)
}
