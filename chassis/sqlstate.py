# SPDX-License-Identifier: Apache-2.0
"""What a database error asks for, by the class of its SQLSTATE (design section 4).

08, 3D, 53, 57 and 58 come from outside: pause, keep the partition, try again. 40, and a lock not had in
time (55P03), is redone at once. 22, 23 and 54 (a value too large for an index, say) belong to one record,
which is found by halving the batch. A transaction that the server ended because nothing was asked in it for
too long (25P03) comes as LeftIdle, and is redone with fewer records.
"""

import asyncpg

from chassis.errors import Reject


class LeftIdle(ConnectionError):
    """The server has ended a transaction in which nothing was asked for so many ``seconds``.

    Whoever can do with less asks for this before OUTSIDE; to everybody else a connection is gone.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a transaction was left idle for {seconds:.1f} s")
        self.seconds = seconds


LOST: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    # Mostly the connection is found closed, and nobody is told of 25P03.
    asyncpg.IdleInTransactionSessionTimeoutError,
    # What asyncpg raises, without a SQLSTATE, on a connection that is gone.
    asyncpg.InterfaceError,
    # The same, where the server ended the session between two statements (MagicStack/asyncpg#1069).
    asyncpg.InternalClientError,
    OSError,
)
"""By which a connection is gone; an error that the server has answered is none of them."""
OUTSIDE: tuple[type[Exception], ...] = (
    *LOST,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    # A database that is put back from a copy is not there for a moment (3D000).
    asyncpg.InvalidCatalogNameError,
    TimeoutError,
)
REDO: tuple[type[Exception], ...] = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)
RECORD: tuple[type[Exception], ...] = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)


def refused(error: Exception) -> Reject:
    """Return why a record cannot be stored, without what the database said of its values."""
    if isinstance(error, LeftIdle):
        return Reject("thought about for longer than a transaction may be idle")
    return Reject(f"refused by the database, SQLSTATE {getattr(error, 'sqlstate', 'unknown')}")
