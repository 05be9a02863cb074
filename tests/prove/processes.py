# SPDX-License-Identifier: Apache-2.0
"""The processes of an installation under proof, by what they do."""

INTAKE = "assessment-consume-intake"
CONSUMING = ("assessment-consume-results", "recognition-consume", "records-consume")
RELAYING = ("assessment-relay", "recognition-relay", "records-relay")
SCHEDULING = ("assessment-schedule", "recognition-schedule")
SEQUENCING = ("records-schedule",)
HTTP_DOOR = ("assessment-serve",)
RECORD_DOOR = ("records-serve",)
RE_EVALUATING = CONSUMING[:2]
_SECOND = "-second"


def second_of(process: str) -> str:
    """Return the name of a process's second worker."""
    return process + _SECOND


def first_of(process: str) -> str:
    """Return the process whose second worker it is, or its own name."""
    return process.removesuffix(_SECOND)


def consumer_of(process: str) -> str:
    """Return the name under which the process of a consumer keeps its progress."""
    return process.rpartition("-consume-")[2].removesuffix("-consume")
