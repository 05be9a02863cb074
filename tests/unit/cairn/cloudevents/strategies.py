# SPDX-License-Identifier: Apache-2.0
"""Events as any producer that keeps to CloudEvents 1.0.2 may send them."""

import string
from datetime import UTC, datetime

from hypothesis import strategies as st

from cairn.cloudevents import CloudEvent
from cairn.cloudevents.event import STANDARD

# CloudEvents 1.0.2 section 3.1: no control characters, surrogates or noncharacters.
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=60)
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them bare
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20).filter(
    lambda name: name not in STANDARD | {"data"}
)
json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def events(data: st.SearchStrategy[bytes | None]) -> st.SearchStrategy[CloudEvent]:
    """Return events with the given data."""
    return st.builds(
        CloudEvent,
        id=texts,
        source=texts,
        type=texts,
        data=data,
        time=st.none() | instants,
        subject=st.none() | texts,
        datacontenttype=st.sampled_from(["application/json", "text/plain", "application/ld+json"]),
        dataschema=st.none() | texts,
        extensions=st.dictionaries(names, texts, max_size=4),
    )
