"""The secret that signs a stack's tokens: the files that hold it, and what each service really has."""

from __future__ import annotations

import re
import time
from pathlib import Path

import jwt
import psutil

from awe_incidents.recovery.actions.containers import one_container, running_container
from awe_incidents.recovery.actions.kept_files import content_of
from awe_incidents.recovery.actions.logging_in import login_of
from awe_incidents.recovery.actions.processes import born
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.signing_keys import UNREADABLE, key_of_service
from diagnostics.probes.tokens import verify_signature
from diagnostics.stack import StackConfig, TokenKey, Tokens

FORGED_SECONDS = 300
SHORT_ID = 12  # characters


def tokens_of(stack: StackConfig) -> Tokens:
    """Give the description of tokens. Raises: ActionNotApplicable."""
    if stack.tokens is None:
        raise ActionNotApplicable(f"stack {stack.name} describes no [tokens]")
    return stack.tokens


def signing_services(stack: StackConfig) -> list[str]:
    """Name the services that have the key, as they are described."""
    return list(dict.fromkeys(key.service for key in tokens_of(stack).keys))


def made_anew(stack: StackConfig) -> list[str]:
    """Name the services whose container is made anew, as its environment has the key."""
    if stack.engine is None:
        return []
    return list(dict.fromkeys(key.service for key in tokens_of(stack).keys if key.environment_variable))


def services_now(site: Site) -> dict[str, str]:
    """Say of each service which container or process it is, and since when."""
    return {name: _born(site, name) for name in signing_services(site.stack)}


def _born(site: Site, name: str) -> str:
    try:
        if site.stack.engine is None:
            return born(site, name)
        one = one_container(site, name)
        return f"{one.id[:SHORT_ID]} {one.image} {one.state.get('StartedAt', '')}"
    except (ProbeFailure, psutil.Error):
        return "not running"


def key_files(stack: StackConfig) -> dict[Path, str | None]:
    """Give the files that hold the key, with the variable of those that hold more."""
    found = {file_of(stack, key): key.environment_variable for key in tokens_of(stack).keys}
    return {path: variable for path, variable in sorted(found.items(), key=str) if path is not None}


def file_of(stack: StackConfig, key: TokenKey) -> Path | None:
    """Give the file of a key, None where it lies in none or none is described."""
    if key.value is not None:
        return stack.root / key.value.place if key.value.kind == "file" else None
    return key.environment_file


def shown(stack: StackConfig, path: Path) -> str:
    """Give a path as people know it."""
    return str(path.relative_to(stack.root)) if path.is_relative_to(stack.root) else str(path)


def key_in(path: Path, content: bytes, variable: str | None) -> str:
    """Give the key that a file's content holds. Raises: ActionNotApplicable."""
    value = content.removesuffix(b"\n") if variable is None else _line_of(path, content, variable)["value"]
    text = value.decode(errors="replace")
    is_quoted = variable is not None and len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if is_quoted else text


def with_key(path: Path, content: bytes, variable: str | None, key: str) -> bytes:
    """Give a file's content with another key. Raises: ActionNotApplicable."""
    if variable is None:
        return key.encode() + (b"\n" if content.endswith(b"\n") else b"")
    start, end = _line_of(path, content, variable).span("value")
    return content[:start] + key.encode() + content[end:]


def key_held(site: Site, key: TokenKey) -> str:
    """Give the key that a service really has, or nothing where that cannot be seen now."""
    try:
        if site.stack.engine is not None:
            running_container(site, key.service)  # this looks anew, and what follows at what it saw
        return key_of_service(key, environment=site.surroundings.environment, resolver=site.resolver)
    except (*UNREADABLE, ActionNotApplicable, ProbeFailure):
        return ""


def fits(token: str, key: str, stack: StackConfig) -> bool:
    """Say whether a key signed a token."""
    try:
        verify_signature(token, key, tokens_of(stack))
    except ProbeFailure:
        return False
    return True


def signed_with(key: str, stack: StackConfig) -> str:
    """Sign a token as the stack's own look, for where no login gave one."""
    now, tokens = int(time.time()), tokens_of(stack)
    claims = {"sub": login_of(stack).username, "iat": now, "exp": now + FORGED_SECONDS}
    claims |= {"iss": tokens.issuer} if tokens.issuer else {}
    return jwt.encode(claims, key, algorithm=tokens.algorithms[0])


def not_taken(site: Site) -> list[str]:
    """Name the services that have another key than their file."""
    stack, found = site.stack, []
    for key in tokens_of(stack).keys:
        path = file_of(stack, key)
        if path and key_held(site, key) != key_in(path, content_of(path), key.environment_variable):
            found.append(f"{key.service} does not use the key of {shown(stack, path)}")
    return found


def _line_of(path: Path, content: bytes, variable: str) -> re.Match[bytes]:
    """Find the line of a variable. Raises: ActionNotApplicable, where there is not exactly one."""
    pattern = rb"^(?:export[ \t]+)?" + variable.encode() + rb"[ \t]*=[ \t]*(?P<value>[^\r\n]*?)[ \t]*\r?$"
    found = list(re.finditer(pattern, content, re.MULTILINE))
    if len(found) != 1:
        raise ActionNotApplicable(f"{path.name} has {len(found)} lines for {variable}; one is needed")
    return found[0]
