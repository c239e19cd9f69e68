"""Give the services of a stack another secret to sign tokens with, or put a former one back.

The secret is 32 random bytes, as base64url. It is written into the files that `[tokens] keys` of the stack's
description names: the `file:` of a reference, or the line of an `environment_file`. What they held stays beside them
under `.before-LABEL` with its mode and owner; `put_back = "LABEL"` writes that back (a rotation of its own, which keeps
what it replaces, too). Then each service is made to use it: a container whose environment has it is made anew from the
same image with that one variable changed, networks, volumes and labels as they were; one that reads a file is
restarted; a process that is `supervised` is ended and started again by what supervises it. Everybody has to log in
again, and jobs that wait with a token of before are refused. The secret stands in no output, no trail and no argument;
where a stack hands it over in the environment, the engine's inspect shows it as before.

At most once: files are written only while they hold what was approved, and a label is given once. Verified by a login:
its token is accepted by the protected path and fits the key that each service really has, and a token of before is
refused by both. Of a lost worker the files and the services' keys tell; where nothing is kept under the label, a person
says how that ended.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import (
    WHOLE_STACK,
    Acting,
    Action,
    ActionFailed,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
)
from awe_incidents.recovery.actions.containers import one_container
from awe_incidents.recovery.actions.kept_files import content_of, digest_of, exchange, facts_of, is_kept, kept_beside
from awe_incidents.recovery.actions.logging_in import LoginRefused, is_accepted, login_of, probe_token
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.processes import restart_process
from awe_incidents.recovery.actions.signing_keys import (
    file_of,
    fits,
    key_files,
    key_held,
    key_in,
    made_anew,
    not_taken,
    services_now,
    shown,
    signed_with,
    signing_services,
    tokens_of,
    with_key,
)
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.digest import digest_of as digest_of_json
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.stack import StackConfig

SECRET_BYTES = 32
LABEL_CHARACTERS = 12
GRACE_SECONDS = 10
CALL_MARGIN_SECONDS = 15
READY_SECONDS = 90.0
PAUSE_SECONDS = 1.0
RESTARTED = frozenset({"kill", "die", "stop", "start", "restart"})  # in the engine's words
MADE_ANEW = RESTARTED - {"restart"} | {"create", "rename", "destroy"}
FORMER = "token of before"


@dataclass(frozen=True, kw_only=True)
class RotateParameters(Parameters):
    """A new secret, or which former one."""

    put_back: str = parameter(
        "Label of kept files to put back, as a rotation names it; leave it out for a new secret.",
        default="",
        minLength=0,
        pattern=f"^([0-9a-f]{{{LABEL_CHARACTERS}}})?$",
    )


@dataclass(frozen=True, kw_only=True)
class RotateSecret(Action[RotateParameters]):
    """The files of the signing key, and the services that have it."""

    slug: ClassVar[str] = "jwt.rotate"
    title: ClassVar[str] = "Rotate the secret that signs tokens"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = RotateParameters

    def not_applicable(self, stack: StackConfig, parameters: RotateParameters) -> str | None:
        """Apply only where all is described that has to be written, restarted and tried."""
        tokens = stack.tokens
        if tokens is None or not tokens.keys or stack.login is None:
            return f"stack {stack.name} describes no [tokens] keys, or no [login] to try them with"
        if not all(one.startswith("HS") for one in tokens.algorithms):
            return "its tokens are not signed with a shared secret (HS256, HS384, HS512)"
        if unknown := [key.service for key in tokens.keys if file_of(stack, key) is None]:
            return f"where the key of {', '.join(unknown)} is kept is not described: environment_file, or value = file:"
        left = [name for name in signing_services(stack) if not _can_restart(stack, name)]
        return f"{', '.join(left)}: not described as supervised, so nothing here can restart it" if left else None

    def target(self, stack: StackConfig, parameters: RotateParameters) -> str:
        """Lock everything, as several services change together."""
        return WHOLE_STACK

    def fingerprint(self, site: Site, parameters: RotateParameters) -> Mapping[str, Any]:
        """Give digests of the files, of those to put back, and each service as it runs."""
        files = {shown(site.stack, path): facts_of(path) for path in key_files(site.stack)}
        for path, variable in key_files(site.stack).items():
            key_in(path, content_of(path), variable)
        facts: dict[str, Any] = {"files": files, "services": services_now(site)}
        if label := parameters.put_back:
            kept = {shown(site.stack, path): kept_beside(path, label) for path in key_files(site.stack)}
            facts["kept"] = {name: facts_of(path)["sha256"] for name, path in kept.items()}
            if all(facts["kept"][name] == files[name]["sha256"] for name in files):
                raise ActionNotApplicable(f"the files hold what is kept under {label} already")
        return facts

    def plan(self, acting: Acting[RotateParameters]) -> Plan:
        """Say who is logged out."""
        renewed = made_anew(acting.site.stack)
        warning = "compose makes these containers anew once more at its next `up`, as their environment differs"
        return Plan(
            destroys=(
                "every session and token, so that all users log in again and jobs that wait with a token are refused",
                *(f"what the container of {name} said, and wrote outside of volumes" for name in renewed),
            ),
            way_back=f'jwt.rotate with put_back = "{_label(acting)}": what the files hold now is kept beside them',
            warnings=(warning,) if renewed else (),
        )

    def prechecks(self, acting: Acting[RotateParameters]) -> Iterator[str]:
        """See that nothing of it was begun, and that services can be restarted."""
        stack = acting.site.stack
        for path in key_files(stack):
            if is_kept(path, _label(acting)):
                yield f"{shown(stack, kept_beside(path, _label(acting)))} is there already"
        for name in signing_services(stack) if stack.engine is not None else ():
            if (status := one_container(acting.site, name).status) not in {"running", "exited", "restarting"}:
                yield f"the container of {name} is {status}"

    def steps(self, acting: Acting[RotateParameters]) -> Sequence[Step]:
        """Give the one step, so that nobody can cancel it half-way."""
        label, facts = acting.parameters.put_back, acting.facts
        what = f"what is kept under {label}" if label else "a new secret"
        title = f"Write {what} into {', '.join(facts['files'])}, and restart {', '.join(facts['services'])} with it"
        return [Step("rotate", title, partial(_rotate, acting))]

    def traces(self, stack: StackConfig, parameters: RotateParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show that each container is made anew, or restarted, once; of processes an engine shows nothing."""
        if stack.engine is None:
            return []
        renewed = made_anew(stack)
        return [
            Trace(actions=MADE_ANEW, service=name, shows="create")
            if name in renewed
            else Trace(actions=RESTARTED, service=name, shows="restart")
            for name in signing_services(stack)
        ]

    def verify(self, acting: Acting[RotateParameters]) -> Verified:
        """Log in anew, and try tokens of now and of before at the api and at each service's key."""
        wrong = _settled(acting)
        names = " and ".join(signing_services(acting.site.stack))
        text = "; ".join(wrong) or f"a new token is accepted by {names}, and one of before is refused"
        before, after = {"services": acting.facts["services"]}, {"services": services_now(acting.site)}
        return Verified(is_good=not wrong, text=text, before=before, after=after)

    def probe(self, acting: Acting[RotateParameters]) -> Probed:
        """Look at the kept files, the files, and the key that each service has."""
        files, label = key_files(acting.site.stack), _label(acting)
        changed = [path for path in files if digest_of(content_of(path)) != _approved(acting, path)]
        if not changed or not all(kept_beside(path, label).exists() for path in files):
            return Probed.CANNOT_TELL
        is_whole = len(changed) == len(files) and not not_taken(acting.site)
        return Probed.FINISHED_WELL if is_whole else Probed.FINISHED_BADLY


def _rotate(acting: Acting[RotateParameters], doing: Doing) -> None:
    site, label = acting.site, _label(acting)
    contents = _contents(acting, doing)
    with contextlib.suppress(LoginRefused):
        site.handed[FORMER] = probe_token(site) or ""
    doing.check()
    exchange(contents, digests={path: _approved(acting, path) for path in contents}, label=label)
    doing.say(f"wrote {', '.join(acting.facts['files'])}; what was there is kept as .before-{label}")
    for number, name in enumerate(signing_services(site.stack), 1):
        doing.check()
        _restart(site, name, doing, name_for_new=f"{doing.token}-{number}")
        doing.say(f"{name} was started with it")


def _contents(acting: Acting[RotateParameters], doing: Doing) -> dict[Path, bytes]:
    """Give what the files shall hold; nobody is told of the keys in it."""
    stack, label = acting.site.stack, acting.parameters.put_back
    files = key_files(stack)
    if label:
        kept = {path: content_of(kept_beside(path, label)) for path in files}
        if any(digest_of(kept[path]) != acting.facts["kept"][shown(stack, path)] for path in files):
            raise ActionFailed("nothing was written: the kept files are not what was approved any more")
        contents = kept
    else:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        contents = {path: with_key(path, content_of(path), variable, secret) for path, variable in files.items()}
    for path, variable in files.items():
        doing.hide(key_in(path, content_of(path), variable))
        doing.hide(key_in(path, contents[path], variable))
    return contents


def _restart(site: Site, name: str, doing: Doing, *, name_for_new: str) -> None:
    """Make a service use what the files hold now."""
    if site.stack.engine is None:
        restart_process(site, name, check=doing.check)
        return
    variables = {
        key.environment_variable: key_in(path, content_of(path), key.environment_variable)
        for key in tokens_of(site.stack).keys
        if key.service == name and key.environment_variable and (path := file_of(site.stack, key))
    }
    container = one_container(site, name)
    with site.engine(seconds=GRACE_SECONDS + CALL_MARGIN_SECONDS) as engine:
        if variables:
            engine.make_anew(container, variables=variables, name=name_for_new, grace_seconds=GRACE_SECONDS)
        else:
            engine.restart(container, grace_seconds=GRACE_SECONDS)


def _settled(acting: Acting[RotateParameters]) -> list[str]:
    """Say what is wrong once services had time to start; an account that is refused is not tried again."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            wrong = list(_wrong(acting))
        except LoginRefused as refused:
            return [*not_taken(acting.site), str(refused)]
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(PAUSE_SECONDS)


def _wrong(acting: Acting[RotateParameters]) -> Iterator[str]:
    """Say what is not as it should be, as far as it can be seen now."""
    site, stack = acting.site, acting.site.stack
    login, token = login_of(stack), probe_token(site)
    yield from not_taken(site)
    if token is None:
        yield f"{login.path} gives {login.username} no token"
        return
    if not is_accepted(site, token):
        yield f"{login.protected_path} does not accept a new token"
    old = site.handed.get(FORMER) or signed_with(_key_of_before(acting), stack)
    if is_accepted(site, old) is not False:
        yield f"{login.protected_path} does not refuse a token of before"
    for key in tokens_of(stack).keys:
        held = key_held(site, key)
        if not fits(token, held, stack):
            yield f"a new token does not fit the key of {key.service}"
        if fits(old, held, stack):
            yield f"a token of before fits the key of {key.service}"


def _key_of_before(acting: Acting[RotateParameters]) -> str:
    path, variable = next(iter(key_files(acting.site.stack).items()))
    return key_in(path, content_of(kept_beside(path, _label(acting))), variable)


def _label(acting: Acting[RotateParameters]) -> str:
    """Give the name of what is there now: of its content and of when it came there."""
    return digest_of_json(acting.facts["files"])[:LABEL_CHARACTERS]


def _approved(acting: Acting[RotateParameters], path: Path) -> str:
    return str(acting.facts["files"][shown(acting.site.stack, path)]["sha256"])


def _can_restart(stack: StackConfig, name: str) -> bool:
    one = stack.services[name]
    return stack.engine is not None or (one.supervised and one.pid_file is not None)
