"""The witness answers as tlog-witness says, and never signs less than it signed, whoever asks at the same time."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from awe_incidents.audit import cosignature, note
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import LogKeyUnusable, WitnessRefused
from awe_incidents.audit.note import Note
from awe_incidents.audit.witness import MAX_BODY_BYTES, Witness
from awe_incidents.audit.witness_folder import WitnessFolder
from tests.audit import logs, witnesses
from tests.audit.rows import ROOT
from tests.audit.witnesses import GrowingLog, evidence, latest, opened, verified

LOG = GrowingLog()
FORK = GrowingLog(fork_at=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
def witness(folder: Path) -> Witness:
    return opened(folder, LOG)


def test_what_grew_is_signed_with_the_time_and_stored(witness: Witness, folder: Path) -> None:
    for old, new in ((0, 5), (5, 5), (5, 8), (8, 300)):
        answer = witness.add_checkpoint(LOG.growth(old, new))
        assert answer.status == 200
        [made] = verified(bytes(LOG.checkpoint(new)), answer.body, *witnesses.keys(witness))
        assert cosignature.split(witnesses.keys(witness)[0], made.value)[0] == logs.BEGAN
        assert latest(folder) == {LOG.origin: new}


def test_an_empty_log_is_signed_under_its_only_root(witness: Witness) -> None:
    assert witness.add_checkpoint(LOG.growth(0, 0)).status == 200
    other = note.sign(bytes(Checkpoint(LOG.origin, 0, bytes(32))), LOG.signer)
    assert witness.add_checkpoint(b"old 0\n\n" + other).status == 409
    assert witness.add_checkpoint(LOG.growth(0, 3)).status == 200


def test_an_old_size_that_is_not_the_one_signed_last_meets_that_one(witness: Witness, folder: Path) -> None:
    witness.add_checkpoint(LOG.growth(0, 8))
    for old, new in ((0, 8), (0, 9), (5, 9), (9, 9), (5, 7), (0, 0)):
        answer = witness.add_checkpoint(LOG.growth(old, new))
        assert (answer.status, answer.content_type, answer.body) == (409, "text/x.tlog.size", b"8\n")
    assert latest(folder) == {LOG.origin: 8}


def test_a_log_that_was_never_signed_has_the_size_zero(witness: Witness) -> None:
    answer = witness.add_checkpoint(LOG.growth(5, 8))
    assert (answer.status, answer.content_type, answer.body) == (409, "text/x.tlog.size", b"0\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 00\n\n" + LOG.note(5),
        b"old -1\n\n" + LOG.note(5),
        b"new 0\n\n" + LOG.note(5),
        b"old 0\r\n\r\n" + LOG.note(5),
        b"old 0\n\n" + LOG.note(5)[:-1],
        b"old 0\n\n" + bytes(LOG.checkpoint(5)),
        b"old 0\n\nnot a checkpoint\n\n\xe2\x80\x94 a AAAAAAAA\n",
        b"old 1\nAAAA\n\n" + LOG.note(5),
        LOG.growth(1, 5).replace(b"old 1\n", b"old 1\n" + b"A" * 44 + b"\n"),
        b"old 1\n" + (LOG.growth(3, 5).split(b"\n")[1] + b"\n") * 64 + b"\n" + LOG.note(5),
    ],
)
def test_what_is_no_request_is_a_bad_one(witness: Witness, body: bytes) -> None:
    assert witness.add_checkpoint(body).status == 400


def test_an_old_size_beyond_the_checkpoint_is_a_bad_request(witness: Witness) -> None:
    witness.add_checkpoint(LOG.growth(0, 8))
    assert witness.add_checkpoint(LOG.growth(5, 5).replace(b"old 5", b"old 8")).status == 400


def test_a_body_is_bounded(witness: Witness) -> None:
    assert witness.add_checkpoint(bytes(MAX_BODY_BYTES + 1)).status == 413


def test_an_unknown_log_is_not_found(witness: Witness, folder: Path) -> None:
    answer = witness.add_checkpoint(GrowingLog("other.example/log").growth(0, 5))
    assert (answer.status, latest(folder)) == (404, {})


@pytest.mark.parametrize("seed", [7, 8])
def test_a_checkpoint_that_no_trusted_key_signed_is_forbidden(witness: Witness, folder: Path, seed: int) -> None:
    assert witness.add_checkpoint(GrowingLog(seed=seed).growth(0, 5)).status == 403
    forged = LOG.note(5).replace(bytes(LOG.checkpoint(5)), bytes(FORK.checkpoint(5)))
    assert witness.add_checkpoint(b"old 0\n\n" + forged).status == 403
    assert (latest(folder), evidence(folder)) == ({}, [])


def test_signatures_of_unknown_keys_are_ignored_and_not_kept(witness: Witness, folder: Path) -> None:
    strangers = [note.Ed25519Signer("stranger.example", logs.key(90 + number)) for number in range(20)]
    answer = witness.add_checkpoint(b"old 0\n\n" + LOG.note(5, *strangers))
    assert answer.status == 200
    assert b"stranger" not in next(folder.glob("logs/*/latest")).read_bytes()
    assert answer.body.count(b"\n") == 1


def test_a_log_may_have_several_keys(folder: Path) -> None:
    second = GrowingLog(seed=9)
    both = opened(folder, LOG, second)
    assert both.add_checkpoint(LOG.growth(0, 5)).status == 200
    assert both.add_checkpoint(second.growth(5, 6)).status == 200
    assert latest(folder) == {LOG.origin: 6}


def test_logs_are_kept_apart(folder: Path) -> None:
    other = GrowingLog("../../other.example/log\u00e4", seed=9)
    both = opened(folder, LOG, other)
    assert both.add_checkpoint(LOG.growth(0, 5)).status == 200
    assert both.add_checkpoint(other.growth(0, 9)).status == 200
    assert latest(folder) == {LOG.origin: 5, other.origin: 9}


def test_another_tree_of_the_same_size_is_refused_and_both_notes_are_kept(witness: Witness, folder: Path) -> None:
    witness.add_checkpoint(LOG.growth(0, 5))
    for _ in range(3):
        answer = witness.add_checkpoint(FORK.growth(5, 5))
        assert (answer.status, answer.content_type) == (409, "text/plain; charset=utf-8")
    [kept] = evidence(folder)
    assert FORK.note(5) in kept
    assert bytes(LOG.checkpoint(5)) in kept
    assert latest(folder) == {LOG.origin: 5}
    assert witness.add_checkpoint(LOG.growth(5, 9)).status == 200


def test_a_tree_that_does_not_begin_with_the_signed_one_is_refused_and_kept(witness: Witness, folder: Path) -> None:
    witness.add_checkpoint(LOG.growth(0, 5))
    assert witness.add_checkpoint(FORK.growth(5, 9)).status == 422
    [kept] = evidence(folder)
    assert FORK.note(9) in kept
    assert bytes(LOG.checkpoint(5)) in kept
    assert latest(folder) == {LOG.origin: 5}


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"old 5\n", b"old 5\n" + b"A" * 43 + b"=\n"),  # a hash too many
        lambda body: body.partition(b"\n")[0] + b"\n\n" + body.partition(b"\n\n")[2],  # none at all
        lambda body: b"\n".join(body.split(b"\n", 2)[::2]),  # one too few
    ],
)
def test_a_proof_that_proves_nothing_is_refused(
    witness: Witness, folder: Path, change: Callable[[bytes], bytes]
) -> None:
    witness.add_checkpoint(LOG.growth(0, 5))
    assert witness.add_checkpoint(change(LOG.growth(5, 9))).status == 422
    assert latest(folder) == {LOG.origin: 5}


def test_from_nothing_and_between_equal_sizes_the_proof_is_empty(witness: Witness) -> None:
    hash_line = LOG.growth(3, 5).split(b"\n")[1] + b"\n"
    assert witness.add_checkpoint(b"old 0\n" + hash_line + b"\n" + LOG.note(5)).status == 422
    assert witness.add_checkpoint(LOG.growth(0, 5)).status == 200
    assert witness.add_checkpoint(b"old 5\n" + hash_line + b"\n" + LOG.note(5)).status == 422


def test_extension_lines_are_covered_by_ed25519_only(folder: Path) -> None:
    both = opened(folder, LOG, with_mldsa=True)
    assert both.add_checkpoint(LOG.growth(0, 5)).body.count(b"\n") == 2
    extended = LOG.note(5, extensions=["more"])
    answer = both.add_checkpoint(b"old 5\n\n" + extended)
    [made] = verified(Note.parse(extended).text, answer.body, *witnesses.keys(both))
    assert made.is_of(witnesses.keys(both)[0])


def test_both_key_types_sign(folder: Path) -> None:
    both = opened(folder, LOG, with_mldsa=True)
    answer = both.add_checkpoint(LOG.growth(0, 5))
    assert len(verified(bytes(LOG.checkpoint(5)), answer.body, *witnesses.keys(both))) == 2
    again = opened(folder, LOG)
    assert again.vkeys == both.vkeys, "a key that was made goes on to sign"


def test_keys_name_and_what_was_signed_outlive_a_restart(witness: Witness, folder: Path) -> None:
    witness.add_checkpoint(LOG.growth(0, 5))
    again = opened(folder, LOG)
    assert again.vkeys == witness.vkeys
    assert again.add_checkpoint(LOG.growth(0, 9)).body == b"5\n"
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(WitnessRefused, match=f"of the witness {witnesses.NAME}"):
        WitnessFolder(folder).cosigners("another", passphrase="", clock=lambda: 1, with_mldsa=False)


def test_a_witness_that_has_signed_makes_no_new_key(witness: Witness, folder: Path) -> None:
    witness.add_checkpoint(LOG.growth(0, 5))
    (folder / "witness.key").unlink()
    with pytest.raises(LogKeyUnusable, match="is gone"):
        opened(folder, LOG)


@pytest.mark.parametrize("content", [b"", b"torn", LOG.note(5)[:-60], GrowingLog("other.example", seed=1).note(5)])
def test_nothing_is_signed_while_the_last_signature_cannot_be_read(
    witness: Witness, folder: Path, content: bytes
) -> None:
    witness.add_checkpoint(LOG.growth(0, 5))
    next(folder.glob("logs/*/latest")).write_bytes(content)
    with pytest.raises(WitnessRefused):
        witness.add_checkpoint(LOG.growth(0, 9))


def test_a_name_that_no_note_can_hold_is_refused(folder: Path) -> None:
    with pytest.raises(WitnessRefused, match="without spaces"):
        WitnessFolder.open(folder).cosigners("two words", passphrase="", clock=lambda: 1, with_mldsa=False)


def ask_up_and_down(witness: Witness, seed: int) -> list[int]:
    """Ask again and again from the size that the witness says, for sizes above and below; give those signed."""
    chance, known, signed = random.Random(seed), 0, []
    for _ in range(12):
        size = max(known, chance.randrange(1, 200))
        answer = witness.add_checkpoint(LOG.growth(known, size))
        if answer.status == 409:
            known = int(answer.body)
            continue
        assert answer.status == 200
        signed.append(size)
        known = chance.choice([known, size])  # a client that forgets
    return signed


def test_fifty_at_once_never_roll_it_back(witness: Witness, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[int] = []
    real = WitnessFolder.record

    def noting(self: WitnessFolder, origin: str) -> object:
        manager = real(self, origin)

        class Noted:
            def __enter__(self) -> object:
                return manager.__enter__()

            def __exit__(self, *error: object) -> object:
                stored.append(latest(folder).get(LOG.origin, 0))  # the lock is still held
                return manager.__exit__(*error)  # type: ignore[arg-type]

        return Noted()

    monkeypatch.setattr(WitnessFolder, "record", noting)
    with ThreadPoolExecutor(50) as pool:
        signed = [size for sizes in pool.map(lambda seed: ask_up_and_down(witness, seed), range(50)) for size in sizes]
    assert stored == sorted(stored)
    assert signed
    assert latest(folder) == {LOG.origin: max(signed)}


def test_two_processes_on_one_folder_never_roll_it_back(folder: Path) -> None:
    opened(folder, LOG)
    words = [sys.executable, "-m", "tests.audit.test_witness", str(folder)]
    both = [subprocess.Popen([*words, str(seed)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for seed in range(2)]
    seen, largest = [], 0
    while any(one.poll() is None for one in both):
        seen.append(latest(folder).get(LOG.origin, 0))
    for one in both:
        output, _ = one.communicate(timeout=60)
        assert one.returncode == 0
        largest = max(largest, *map(int, output.split()))
    assert seen == sorted(seen)
    assert latest(folder) == {LOG.origin: largest}


def test_over_http_it_answers_as_the_text_says(folder: Path) -> None:
    with witnesses.serving(folder, LOG.vkey) as http:
        page = http.get("/")
        assert (page.status_code, LOG.origin in page.text) == (200, True)
        [vkey] = [word for word in page.text.split() if word.startswith(f"{witnesses.NAME}+")]
        answer = http.post("/add-checkpoint", content=LOG.growth(0, 5))
        assert answer.status_code == 200
        assert verified(bytes(LOG.checkpoint(5)), answer.content, note.PublicKey.parse(vkey))
        again = http.post("/add-checkpoint", content=LOG.growth(0, 5))
        assert (again.status_code, again.headers["content-type"], again.content) == (409, "text/x.tlog.size", b"5\n")
        assert http.post("/add-checkpoint", content=FORK.growth(5, 9)).status_code == 422
        assert http.post("/add-checkpoint", content=GrowingLog("other").growth(0, 1)).status_code == 404
        assert http.post("/add-checkpoint", content=b"").status_code == 400
        assert http.post("/add-checkpoint", content=bytes(MAX_BODY_BYTES + 1)).status_code == 413
        assert http.post("/add-checkpoint", content=iter([bytes(MAX_BODY_BYTES), b"1"])).status_code == 413
        wrong = http.get("/add-checkpoint")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        assert http.post("/").status_code == 405
        assert http.get("/elsewhere").status_code == 404


def test_a_connection_serves_many_requests(folder: Path) -> None:
    with witnesses.serving(folder, LOG.vkey) as http:
        ports = set()
        for size in range(1, 6):
            with http.stream("POST", "/add-checkpoint", content=LOG.growth(size - 1, size)) as answer:
                answer.read()
                assert answer.status_code == 200
                ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
        assert len(ports) == 1


def test_clients_that_send_slowly_keep_nobody_from_it(folder: Path) -> None:
    with witnesses.serving(folder, LOG.vkey) as http:
        address = (http.base_url.host, http.base_url.port or 0)
        slow = [witnesses.half_sent(address) for _ in range(40)]
        try:
            assert http.post("/add-checkpoint", content=LOG.growth(0, 5), timeout=5).status_code == 200
        finally:
            for one in slow:
                one.close()


def test_the_command_of_the_service_is_the_same(folder: Path) -> None:
    with witnesses.serving(folder, LOG.vkey, program=("manage.py",)) as http:
        assert http.post("/add-checkpoint", content=LOG.growth(0, 5)).status_code == 200


@pytest.mark.parametrize(
    ("words", "because"),
    [
        (["--listen", "nowhere"], "HOST:PORT"),
        (["--log", "no-key"], "eight hex digits"),
        (["--name", "two words"], "without spaces"),
    ],
)
def test_what_it_cannot_run_with_is_refused_in_words(folder: Path, words: list[str], because: str) -> None:
    command = [sys.executable, "-m", "awe_incidents.audit", "witness", "--folder", str(folder), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, because in done.stderr) == (1, True), done.stderr


def test_a_folder_that_cannot_be_written_signs_nothing(witness: Witness, folder: Path) -> None:
    with witnesses.serving(folder, LOG.vkey) as http:
        assert http.post("/add-checkpoint", content=LOG.growth(0, 5)).status_code == 200
        place = next(folder.glob("logs/*"))
        (place / "latest.new").mkdir()
        answer = http.post("/add-checkpoint", content=LOG.growth(5, 9))
        assert (answer.status_code, latest(folder)) == (500, {LOG.origin: 5})
        (place / "latest.new").rmdir()
        assert http.post("/add-checkpoint", content=LOG.growth(5, 9)).status_code == 200


if __name__ == "__main__":
    place, start = sys.argv[1:]
    shared = opened(Path(place), LOG)
    for turn in range(8):
        print(*ask_up_and_down(shared, int(start) * 1000 + turn))
