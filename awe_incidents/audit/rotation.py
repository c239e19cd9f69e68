"""A new key of the log takes the place of the old one: a statement that both sign, in an entry of the trail itself.

The statement is a signed note, so any reader of C2SP signed-note can check it. Six lines: what it is, the origin, the
old keys (of signatures, of timed signatures) and the new ones. No checkpoint has such a text. From the index of its
entry on, checkpoints are signed by the new keys: the first one that covers it is the first one by the new key.
"""

from __future__ import annotations

from dataclasses import dataclass

from awe_incidents.audit import canonical, note
from awe_incidents.audit.errors import AuditError, KeyRefused, NoteRefused, RotationRefused
from awe_incidents.audit.note import Ed25519Verifier, Note, PublicKey

VERB = "log_key:rotated"
FORMAT = "awe-incidents/log-key-rotation/v1"
KeyPair = tuple[str, str]  # vkeys of signatures and of timed signatures


@dataclass(frozen=True, slots=True)
class Rotation:
    """Which keys take the place of which."""

    origin: str
    old: KeyPair
    new: KeyPair

    def __bytes__(self) -> bytes:
        """Give the text that both keys sign."""
        return "".join(f"{line}\n" for line in (FORMAT, self.origin, *self.old, *self.new)).encode()


def parse_rotation(signed: bytes) -> Rotation:
    """Read a statement that both keys signed; raises RotationRefused."""
    try:
        one = Note.parse(signed)
        form, origin, *vkeys, end = one.text.decode().split("\n")
        keys = [PublicKey.parse(vkey) for vkey in vkeys]
    except (KeyRefused, NoteRefused, ValueError):
        raise RotationRefused("the statement of a new key cannot be read") from None
    kinds = [key.kind for key in keys]
    if (form, end, kinds) != (FORMAT, "", [note.ED25519, note.COSIGNATURE_ED25519] * 2):
        raise RotationRefused("the statement of a new key is of another form")
    if len({key.material for key in keys}) != len(keys) or {key.name for key in keys} != {origin}:
        raise RotationRefused("the statement of a new key names a key twice, or keys of different logs")
    for signer in (keys[0], keys[2]):
        try:
            one.verified([Ed25519Verifier(signer)])
        except NoteRefused:
            raise RotationRefused(f"a new key was entered that {signer} did not sign") from None
    return Rotation(origin, (vkeys[0], vkeys[1]), (vkeys[2], vkeys[3]))


def rotation_of(body: bytes) -> Rotation | None:
    """Give what an entry says of a new key; None where it tells of something else; raises RotationRefused."""
    if VERB.encode() not in body:
        return None
    try:
        content = canonical.parse(body)
    except AuditError:
        return None
    version = content.get("v")
    if type(version) is not int or (version, content.get("verb")) != (1, VERB):  # and True == 1 in Python
        return None
    match content.get("data"):
        case {"note": str(signed)}:
            return parse_rotation(signed.encode())
    raise RotationRefused("an entry of a new key holds no statement")
