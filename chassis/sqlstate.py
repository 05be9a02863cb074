# SPDX-License-Identifier: Apache-2.0
"""What a database error asks for, by the class of its SQLSTATE (design section 4).

08, 3D, 53, 57 and 58 come from outside: pause, keep the partition, try again. 40, and a lock not had in
time (55P03), is redone at once. 22, 23 and 54 (a value too large for an index, say) belong to one record,
which is found by halving the batch.
"""

import asyncpg

from chassis.errors import Reject

OUTSIDE: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    # A database that is put back from a copy is not there for a moment (3D000).
    asyncpg.InvalidCatalogNameError,
    # What asyncpg raises, without a SQLSTATE, on a connection that is gone.
    asyncpg.InterfaceError,
    # The same, where the server ended the session between two statements (MagicStack/asyncpg#1069).
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
REDO: tuple[type[Exception], ...] = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)
RECORD: tuple[type[Exception], ...] = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)


def refused(error: Exception) -> Reject:
    """Return why the database refuses a record, without what it said of its values."""
    return Reject(f"refused by the database, SQLSTATE {getattr(error, 'sqlstate', 'unknown')}")
