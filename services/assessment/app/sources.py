# SPDX-License-Identifier: Apache-2.0
"""The platforms that may publish results, and what Cairn knows of each before it says anything."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic.dataclasses import dataclass

from cairn.events.wire import Slug
from cairn.ids import Tenant


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Source:
    """One platform: the tenant whose learners it speaks of, and the dialect that it speaks."""

    name: Annotated[Slug, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    tenant: Tenant
    dialect: Literal["native"] = "native"
    events_per_second: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    """How many events it may send by HTTP to each process; None is as many as are taken in."""

    @property
    def topic(self) -> str:
        """The topic that it publishes to."""
        return f"ingest.{self.name}.v1"


def _named_once(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    if len({source.name for source in sources}) != len(sources):
        message = "a source is named once"
        raise ValueError(message)
    return sources


Sources = Annotated[tuple[Source, ...], Field(max_length=1000), AfterValidator(_named_once)]
