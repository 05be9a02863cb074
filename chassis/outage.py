# SPDX-License-Identifier: Apache-2.0
"""Why the database does not do what it is asked, in words that tell an operator what to mend."""

_WORDS = {
    "3D000": "there is no such database: it is being put back, or DATABASE_URL names another",
    "53100": "the database's disk is full: make room for it, and all goes on by itself",
    "53200": "the database is out of memory",
    "53300": "the database takes no more connections: allow more of them, or lower DATABASE_POOL_SIZE",
    "57014": "the database has broken off a statement that took too long",
    "57P01": "the database is being stopped",
    "57P02": "the database is restarting after a crash",
    "57P03": "the database is starting or recovering",
}


def outage(error: Exception) -> str:
    """Say what an error from outside means (:mod:`chassis.sqlstate`), without the values it names."""
    state = str(getattr(error, "sqlstate", None) or "08")
    if state.startswith("08"):
        late = isinstance(error, TimeoutError)
        return "the database does not answer in time" if late else "the database is not reachable"
    return _WORDS.get(state, f"the database has trouble of its own, SQLSTATE {state}: see its log")
