"""The engine for actions: an allow-list of calls that change something, apart from the probe that only reads.

A container is restarted, stopped, started or unpaused, made anew with other variables, a name is taken for good, and a
program is run inside a container. A project's containers, networks and volumes are removed, each by its id or name and
never by a prune, and made again as they were. Whatever else an action needs is added here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docker.errors import APIError, ImageNotFound

from awe_incidents.recovery.actions.container_config import anew
from awe_incidents.recovery.actions.ended import Ended
from diagnostics.probes.engine import BUFFER_BYTES, PROJECT_LABEL, SERVICE_LABEL, Seen
from diagnostics.probes.engine_connection import EngineConnection
from diagnostics.probes.engine_failures import EngineFailure
from diagnostics.probes.engine_sockets import early_bytes, raw_socket
from diagnostics.probes.frames import Frames

GUARD_LABEL = "io.awe-incidents.recovery.token"  # excluded from every prune of ours: the guard is what refuses
MARK_LABEL = "io.awe-incidents.recovery.replaces"  # of a volume: what was there before
CONFLICT = 409
MAX_OUTPUT_BYTES = 1_000_000
LOOK_SECONDS = 1.0  # how often the lease is looked at while a program runs


class WritingEngine(EngineConnection):
    """The calls that an action may make; use as a context manager."""

    def restart(self, container: Seen, *, grace_seconds: int) -> None:
        """Stop a container, with a signal first and by force after the grace, and start it. Raises: EngineFailure."""
        with self._explained():
            self._client.restart(container.id, timeout=grace_seconds)

    def take_name(self, token: str, *, image: str) -> bool:
        """Take a name that the engine gives once: a container that is never started. Say whether it was free.

        Raises: EngineFailure.
        """
        with self._explained():
            inspect: Any = self._client.inspect_image  # it has no types
            volumes = (inspect(image).get("Config") or {}).get("Volumes") or {}
            # An image that Compose built gives its containers the labels of its project, whose they are not.
            labels = {GUARD_LABEL: token, PROJECT_LABEL: "", SERVICE_LABEL: ""}
            # What the image declares as volumes would be made for the guard, too, and left behind.
            host = self._client.create_host_config(tmpfs=dict.fromkeys(volumes, ""), network_mode="none")
            try:
                self._client.create_container(image, command=["true"], name=token, labels=labels, host_config=host)
            except APIError as error:
                if error.response is not None and error.response.status_code == CONFLICT:
                    return False
                raise
        return True

    def stop(self, container: Seen, *, grace_seconds: int) -> None:
        """Stop a container, with a signal first and by force after the grace. Raises: EngineFailure."""
        with self._explained():
            self._client.stop(container.id, timeout=grace_seconds)

    def start(self, container: Seen) -> None:
        """Start a container; one that runs stays as it is. Raises: EngineFailure."""
        with self._explained():
            self._client.start(container.id)

    def unpause(self, container: Seen) -> None:
        """Let a paused container go on. Raises: EngineFailure."""
        with self._explained():
            self._client.unpause(container.id)

    def remove(self, container: Seen) -> None:
        """Remove a container and the volumes that have no name of their own. Raises: EngineFailure."""
        with self._explained():
            self._client.remove_container(container.id, v=True, force=True)

    def remove_network(self, network: Mapping[str, Any]) -> None:
        """Remove a network that nothing uses; the engine refuses one that something does. Raises: EngineFailure."""
        with self._explained():
            self._client.remove_network(network["Id"])

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container has; the engine refuses one that some has. Raises: EngineFailure."""
        with self._explained():
            self._client.remove_volume(name)

    def make_volume(self, like: Mapping[str, Any], *, mark: str) -> None:
        """Make an empty volume with the name, driver, options and labels of one that was, and a mark to know it by.

        The engine gives volumes no id, and what it calls their creation changes when somebody changes their owner.
        Raises: EngineFailure.
        """
        with self._explained():
            self._client.create_volume(
                like["Name"],
                driver=like.get("Driver"),
                driver_opts=like.get("Options"),
                labels={**(like.get("Labels") or {}), MARK_LABEL: mark},
            )

    def make_network(self, like: Mapping[str, Any]) -> None:
        """Make a network with the name, addresses, options and labels of one that was. Raises: EngineFailure."""
        with self._explained():
            self._client.create_network(
                like["Name"],
                driver=like.get("Driver"),
                options=like.get("Options"),
                ipam=like.get("IPAM"),
                internal=bool(like.get("Internal")),
                attachable=bool(like.get("Attachable")),
                enable_ipv6=bool(like.get("EnableIPv6")),
                labels=dict(like.get("Labels") or {}),
            )

    def make_container(self, like: Seen) -> str:
        """Make a container of the same image as one that was, with its settings, and give its id.

        Volumes with a name are those of now, others are new. Raises: EngineFailure.
        """
        with self._explained():
            return self._created(like.attributes, name=like.name, keeps_volumes=False)

    def _created(self, inspected: Mapping[str, Any], *, name: str, **but: Any) -> str:
        """Create a container like another one, but for what `anew` takes; give its id."""
        body, others = anew(inspected, but.pop("variables", {}), **but)
        if self._image_of(body["Image"]) != inspected["Image"]:
            body["Image"] = inspected["Image"]  # its name was given to another one since, or taken away
        create: Any = self._client.create_container_from_config  # it has no types
        made = str(create(body, name=name)["Id"])
        for network, endpoint in others.items():
            self._client.connect_container_to_network(made, network, **endpoint)
        return made

    def _image_of(self, name: str) -> str:
        inspect: Any = self._client.inspect_image  # it has no types
        try:
            return str(inspect(name)["Id"])
        except ImageNotFound:
            return ""

    def make_anew(self, container: Seen, *, variables: Mapping[str, str], name: str, grace_seconds: int) -> None:
        """Put a container with other values of some variables in the place of one, of the same image, and start it.

        Its networks, volumes and labels stay; what it wrote outside of volumes and what it said goes. The new one bears
        `name` until the former has stopped; where it cannot be started the former is put back and started.
        Raises: EngineFailure.
        """
        with self._explained():
            new = self._created(self._client.inspect_container(container.id), name=name, variables=variables)
            self._client.stop(container.id, timeout=grace_seconds)
            self._client.rename(container.id, f"{name}-former")
            self._client.rename(new, container.name)
            try:
                self._client.start(new)
            except APIError:
                self._client.remove_container(new, force=True)
                self._client.rename(container.id, container.name)
                self._client.start(container.id)
                raise
            self._client.remove_container(container.id)

    def run(self, container: Seen, arguments: Sequence[str], *, seconds: float, check: Callable[[], None]) -> Ended:
        """Run a program inside a container and wait for its end; no secret may stand among the arguments.

        It goes on where the waiting ends early: after `seconds`, or when `check` (asked every second) raises.
        Raises: EngineFailure, and what `check` raises.
        """
        with self._explained():
            started = self._client.exec_create(container.id, list(arguments), stdout=True, stderr=True)["Id"]
            remote: Any = self._client.exec_start(started, socket=True)
        output, frames, ends_at = bytearray(), Frames(), time.monotonic() + seconds
        connection = raw_socket(remote)
        with self._explained(), contextlib.closing(connection), contextlib.closing(remote):
            output += b"".join(content for _, content in frames.feed(early_bytes(remote)))
            connection.settimeout(LOOK_SECONDS)
            while True:
                check()
                if time.monotonic() > ends_at:
                    raise EngineFailure("engine.timeout", f"{arguments[0]} in {container} gave no end in {seconds:g} s")
                try:
                    data = connection.recv(BUFFER_BYTES)
                except TimeoutError:
                    continue
                if not data:
                    break
                for _, content in frames.feed(data):
                    output += content[: max(0, MAX_OUTPUT_BYTES + 1 - len(output))]
            code = self._client.exec_inspect(started).get("ExitCode")
        if len(output) > MAX_OUTPUT_BYTES:
            del output[output.rfind(b"\n", 0, MAX_OUTPUT_BYTES) + 1 :]
        return Ended(-1 if code is None else int(code), output.decode(errors="replace"))
