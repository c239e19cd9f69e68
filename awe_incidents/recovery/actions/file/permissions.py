"""Give files the owner and mode that fit: nobody reads a key who must not, and every service reads its own.

What fits is computed for each described file as `startup.file_permissions` and `ssl.certificate_files` judge it: a key
at most 0600, or 0640 where root owns it; a secret nothing for everybody; nothing that everybody can write; and whoever
must read it, by the user of its process or container, can, by the least that changes for that (a group before an
owner). Or the rights are named (`rights`), as the plan of an earlier one names those to go back to. Nothing is ever
opened to everybody. Only described files and files mounted into containers are changed, one by one, never a folder or
what is below it; no link is followed, and a file with a second name or an access list is refused. It acts on this
machine's files, with root's rights or on those of its own user; files inside of images and volumes it cannot reach.

At most once is not needed: the file is opened once, compared with what was approved (device, inode, owner and mode) and
changed by that handle; a second time finds the rights there and changes nothing, and other rights are not overwritten.
Verified by looking at the path anew and, of containers, from inside as their users see it. Of a lost worker the files
tell: all as wanted, or some; while none is, or all but one, a person says how that ended, as the change may be on its
way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
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
    judged,
)
from awe_incidents.recovery.actions.fitting_rights import (
    EVERYBODY,
    OTHERS,
    DescribedFile,
    Rights,
    barriers,
    chosen,
    described_files,
    fitting,
    see,
)
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.without_links import folder_handle
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.permissions import FileSeen
from diagnostics.stack import StackConfig

NAMED = r"^0[0-7]{3}:[0-9]{1,9}:[0-9]{1,9}:/"
READ_ONLY = "its file system is read-only"


@dataclass(frozen=True, kw_only=True)
class PermissionsParameters(Parameters):
    """Which files, and what rights."""

    files: tuple[str, ...] = parameter(
        "Files as findings name them; where left out, all that need other rights.", default=()
    )
    rights: tuple[str, ...] = parameter(
        "Exact rights instead of those that fit, each MODE:UID:GID:PATH, such as a plan gives to go back.",
        default=(),
        items={"type": "string", "pattern": NAMED, "maxLength": 500},
    )


@dataclass(frozen=True, kw_only=True)
class FilePermissions(Action[PermissionsParameters]):
    """Some files of the stack."""

    slug: ClassVar[str] = "file.permissions"
    title: ClassVar[str] = "Give files the owner and mode that fit"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = PermissionsParameters

    def not_applicable(self, stack: StackConfig, parameters: PermissionsParameters) -> str | None:
        """Take one of both."""
        return "give files or rights, and not both" if parameters.files and parameters.rights else None

    def target(self, stack: StackConfig, parameters: PermissionsParameters) -> str:
        """Lock everything, as several services may read a file."""
        return WHOLE_STACK

    def fingerprint(self, site: Site, parameters: PermissionsParameters) -> Mapping[str, Any]:
        """Give each file by device and inode, its rights, and those that it will have."""
        described, left = described_files(site), []
        changing = [_fact(*one) for one in _named(described, parameters.rights)]
        for one in () if parameters.rights else chosen(described, parameters.files):
            try:
                seen = see(one)
                if seen and (wanted := fitting(one, seen)) != Rights.of(seen.about):
                    changing.append(_fact(one, seen, wanted))
            except (ActionNotApplicable, NotPermitted) as refusal:
                if parameters.files:
                    raise
                left.append(site.clean(str(refusal)))
        if not changing:
            raise ActionNotApplicable("; ".join(left) or "these files have fitting rights, or none to be changed here")
        return {"files": changing, "left": left}

    def plan(self, acting: Acting[PermissionsParameters]) -> Plan:
        """Say how to go back, and what stays open."""
        back = [f'"{one["back"]}:{one["path"]}"' for one in _files(acting)]
        warnings = [
            f"{one['path']} could be read by others until now: replace it where others had access to the machine"
            for one in _files(acting)
            if one["was_exposed"]
        ]
        warnings += [
            f"whether {', '.join(one['unknown'])} can read {one['path']} then is not known, as it does not run"
            for one in _files(acting)
            if one["unknown"]
        ]
        warnings += [f"left as it is: {text}" for text in acting.facts["left"]]
        warnings.append("a service that could not read its file is started by service.restart")
        return Plan(way_back=f"request this action with rights = [{', '.join(back)}]", warnings=tuple(warnings))

    def prechecks(self, acting: Acting[PermissionsParameters]) -> Iterator[str]:
        """See that this user may do it."""
        for one in _files(acting):
            before, wanted = _rights(one["rights"]), _rights(one["wanted"])
            is_chown = (before.uid, before.gid) != (wanted.uid, wanted.gid)
            if os.geteuid() != 0 and (is_chown or os.geteuid() != before.uid):
                yield f"{one['path']} is of uid {before.uid}, and this worker runs as uid {os.geteuid()}"
            elif os.statvfs(one["path"]).f_flag & os.ST_RDONLY:
                yield f"{one['path']}: {READ_ONLY}"

    def steps(self, acting: Acting[PermissionsParameters]) -> Sequence[Step]:
        """Give one step for each file."""
        return [
            Step(f"file-{number}", f"{one['path']}: {one['rights']} becomes {one['wanted']}", partial(_change, one))
            for number, one in enumerate(_files(acting), 1)
        ]

    def verify(self, acting: Acting[PermissionsParameters]) -> Verified:
        """Look at each path anew, and whether its readers are let in, in containers from inside."""
        described, now, wrong, out = described_files(acting.site), {}, [], []
        for fact in _files(acting):
            file = described.get(Path(fact["described"])) or DescribedFile(Path(fact["path"]))
            seen = see(file)
            now[fact["path"]] = str(Rights.of(seen.about)) if seen else "gone"
            if now[fact["path"]] != fact["wanted"]:
                wrong.append(f"{fact['path']} has {now[fact['path']]}, and not {fact['wanted']}")
            elif seen:
                out += barriers(acting.site, file, seen)
        is_good = not wrong and (not out or bool(acting.parameters.rights))  # what was named may be meant to keep out
        said = f"{len(now) - len(wrong)} files have the approved rights"
        text = "; ".join([*wrong, *out]) or "their services can read them"
        before = {one["path"]: one["rights"] for one in _files(acting)}
        return Verified(is_good=is_good, text=f"{said}; {text}", before=before, after=now)

    def probe(self, acting: Acting[PermissionsParameters]) -> Probed:
        """Compare the rights of each."""
        now = [(one, _now(one)) for one in _files(acting)]
        done = sum(rights == one["wanted"] for one, rights in now)
        return judged(of=len(now), done=done, open_ones=sum(_may_change(one, rights) for one, rights in now))


def _change(fact: Mapping[str, Any], doing: Doing) -> None:
    """Change one file by a handle. Raises: ActionFailed."""
    wanted = _rights(fact["wanted"])
    with ExitStack() as closing:
        try:
            handle = _opened(Path(fact["path"]), closing)
        except OSError as error:
            raise ActionFailed(f"{fact['path']} cannot be opened without following a link: {error.strerror}") from None
        about = os.fstat(handle)
        now = str(Rights.of(about))
        if (about.st_dev, about.st_ino) != (fact["device"], fact["inode"]) or about.st_nlink != 1:
            raise ActionFailed(f"{fact['path']} is not the file that was approved")
        if now == fact["wanted"]:
            doing.say(f"{fact['path']} has {now} already")
            return
        if now != fact["rights"]:
            raise ActionFailed(f"{fact['path']} has {now}, as somebody changed it after it was approved")
        doing.check()
        by_handle = f"/proc/self/fd/{handle}"  # a handle that was not opened for reading has no fchmod
        try:
            os.chmod(by_handle, Rights.of(about).mode & wanted.mode)  # noqa: PTH101  closed first
        except OSError as error:
            raise ActionFailed(f"{fact['path']}: {error.strerror}") from None
        if (about.st_uid, about.st_gid) != (wanted.uid, wanted.gid):
            os.chown(by_handle, wanted.uid, wanted.gid)
        os.chmod(by_handle, wanted.mode)  # noqa: PTH101
    doing.say(f"{fact['path']} has {fact['wanted']} now")


def _may_change(fact: Mapping[str, Any], now: str) -> bool:
    """Say whether a worker in the midst of `_change` may still bring a file from these rights to the approved ones."""
    if now in {fact["wanted"], "gone"}:
        return False
    before, wanted = _rights(fact["rights"]), _rights(fact["wanted"])
    return now == fact["rights"] or _rights(now).mode == before.mode & wanted.mode


def _opened(path: Path, closing: ExitStack) -> int:
    """Open a regular file folder by folder, none of which may be a link. Raises: OSError."""
    folder = folder_handle(path.parent, closing)
    handle = os.open(path.name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
    closing.callback(os.close, handle)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(0, "it is no regular file")
    return handle


def _named(
    described: Mapping[Path, DescribedFile], texts: Sequence[str]
) -> Iterator[tuple[DescribedFile, FileSeen, Rights]]:
    """Read named rights. Raises: ActionNotApplicable, where they would open something."""
    for text in texts:
        mode, uid, gid, path = text.split(":", 3)
        file, *_ = chosen(described, [path])
        seen, rights = see(file), Rights(int(mode, 8), int(uid), int(gid))
        if seen is None:
            raise ActionNotApplicable(f"{path} is no regular file, or there is none")
        if rights.mode & EVERYBODY & ~seen.mode or rights.mode & ~file.allowed(rights.uid):
            raise ActionNotApplicable(f"{mode} would open {path} to more than may get at it")
        if rights != Rights.of(seen.about):
            yield file, seen, rights


def _fact(file: DescribedFile, seen: FileSeen, wanted: Rights) -> dict[str, Any]:
    """Give what a file is known by again. Raises: ActionNotApplicable."""
    about, rights = file.real.lstat(), Rights.of(seen.about)
    if stat.S_ISLNK(about.st_mode):
        raise ActionNotApplicable(f"{file.path} is a link to {os.path.realpath(file.path)}; describe the file itself")
    if about.st_nlink != 1:
        raise ActionNotApplicable(f"{file.path} has {about.st_nlink} names, so that another file would change with it")
    if seen.has_access_list:
        raise ActionNotApplicable(f"{file.path} has an access list, which its mode does not tell; `getfacl` shows it")
    back = rights.mode & ~EVERYBODY | wanted.mode & EVERYBODY  # what everybody could do nobody gets back
    return {
        "path": str(file.real),
        "described": str(file.path),
        "device": about.st_dev,
        "inode": about.st_ino,
        "rights": str(rights),
        "wanted": str(wanted),
        "back": str(Rights(back & file.allowed(rights.uid), rights.uid, rights.gid)),
        "was_exposed": file.is_private and bool(rights.mode & ~file.allowed(rights.uid) & OTHERS),
        "unknown": sorted(name for name, identity in file.readers.items() if identity is None),
    }


def _rights(text: str) -> Rights:
    mode, uid, gid = text.split(":")
    return Rights(int(mode, 8), int(uid), int(gid))


def _now(fact: Mapping[str, Any]) -> str:
    try:
        return str(Rights.of(os.lstat(fact["path"])))
    except OSError:
        return "gone"


def _files(acting: Acting[PermissionsParameters]) -> list[dict[str, Any]]:
    return list(acting.facts["files"])
