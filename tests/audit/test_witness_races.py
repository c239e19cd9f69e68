"""Two teams who watch each other while both logs grow and several programs ask at once: answers 409, and no alarm."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx

from awe_incidents.audit.cosignature import now
from awe_incidents.audit.errors import AnchorAway
from awe_incidents.audit.note import PublicKey
from awe_incidents.audit.published_log import Published
from awe_incidents.audit.witness_client import WitnessClient
from tests.audit import witnesses
from tests.audit.witnesses import GrowingLog, evidence, latest, opened

SIZES = range(1, 300, 3)
ASKING = 4  # programs of each team


class Team:
    """A log that grows in a folder, and the other team's witness, which several programs of this one ask."""

    def __init__(self, log: GrowingLog, folder: Path, url: str, key: PublicKey) -> None:
        self.log, self.folder, self._url, self._key = log, folder, url, key
        self.grown = Event()
        self.conflicts = Counter[str]()

    def grow(self) -> None:
        try:
            for size in SIZES:
                self.log.publish(self.folder, size)
        finally:
            self.grown.set()

    def ask(self, seed: int) -> None:
        """Ask again and again, with what this program last knew; what contradicts the log would be raised."""
        chance, held = random.Random(seed), 0
        client = WitnessClient(self._url, [self._key], clock=now)
        while not self.grown.is_set():
            published = Published.read(self.folder)
            if published is None:
                continue
            try:
                client.hold(published, held=chance.choice([0, held, held]))
                held = published.checkpoint.size
                self.conflicts["signed"] += 1
            except AnchorAway as error:
                self.conflicts[str(error).split(":")[0][:40]] += 1

    def ask_at_last(self) -> None:
        published = Published.read(self.folder)
        assert published is not None
        WitnessClient(self._url, [self._key], clock=now).hold(published, held=0)


def test_two_teams_witness_each_other_while_many_ask(tmp_path: Path) -> None:
    ours, theirs = GrowingLog("ours.example/awe"), GrowingLog("theirs.example/awe", seed=3)
    folders = {ours.origin: tmp_path / "w-theirs", theirs.origin: tmp_path / "w-ours"}
    with (
        witnesses.serving(folders[ours.origin], ours.vkey) as their_witness,
        witnesses.serving(folders[theirs.origin], theirs.vkey) as our_witness,
        ThreadPoolExecutor(2 * (ASKING + 1)) as pool,
    ):
        sides: list[tuple[GrowingLog, httpx.Client]] = [(ours, their_witness), (theirs, our_witness)]
        teams = [
            Team(
                log,
                tmp_path / log.origin.partition(".")[0],
                str(http.base_url),
                witnesses.keys(opened(folders[log.origin]))[0],
            )
            for log, http in sides
        ]
        working = [pool.submit(team.grow) for team in teams]
        working += [pool.submit(team.ask, seed) for seed in range(ASKING) for team in teams]
        for one in working:
            one.result()
        for team in teams:
            team.ask_at_last()
            assert latest(folders[team.log.origin]) == {team.log.origin: SIZES[-1]}
            assert evidence(folders[team.log.origin]) == []
            assert team.conflicts["signed"] > 1
            assert sum(team.conflicts.values()) > team.conflicts["signed"], "nobody was in another's way"
