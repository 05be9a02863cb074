# SPDX-License-Identifier: Apache-2.0
"""The two ends of a line between networks, at each of which commands can be run."""

from dataclasses import dataclass

from tests.prove.commands import run

# Nobody's address: what is sent to it is dropped by whoever receives it.
NOWHERE = "02:00:00:00:00:00"


@dataclass(frozen=True, slots=True)
class LineEnd:
    """One end of the line; ``enter`` is what a command there begins with."""

    device: str
    address: str
    enter: tuple[str, ...] = ()

    def run(self, *command: str) -> str:
        """Run a command there and return what it prints."""
        return run(*self.enter, *command)

    def reach(self, other: "LineEnd", hardware: str) -> None:
        """Send what is for the other end to a hardware address."""
        to = (other.address, "lladdr", hardware, "nud", "permanent", "dev", self.device)
        self.run("ip", "neigh", "replace", *to)

    @property
    def hardware(self) -> str:
        """The end's own hardware address."""
        return self.run("cat", f"/sys/class/net/{self.device}/address").strip()
