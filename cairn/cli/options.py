# SPDX-License-Identifier: Apache-2.0
"""The options that several commands share; each reads its environment variable when it is not given."""

from typing import Annotated

import typer

from cairn.ids import is_opaque


def opaque(text: str | None) -> str | None:
    """Refuse what cannot stand in a resource name or a topic key; nothing is left as it is."""
    if text is not None and not is_opaque(text):
        raise typer.BadParameter("must be lower-case letters and digits with hyphens inside, at most 64")
    return text


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables and trees.")]
Tenant = Annotated[
    str, typer.Option(envvar="CAIRN_TENANT", callback=opaque, help="The institution, by its opaque id.")
]
AssessmentAddress = Annotated[
    str, typer.Option("--address", envvar="CAIRN_ASSESSMENT_ADDRESS", help="Assessment over gRPC, host:port.")
]
RecognitionAddress = Annotated[
    str,
    typer.Option("--address", envvar="CAIRN_RECOGNITION_ADDRESS", help="Recognition over gRPC, host:port."),
]
RecordsAddress = Annotated[
    str, typer.Option("--address", envvar="CAIRN_RECORDS_ADDRESS", help="Records over gRPC, host:port.")
]
HttpAddress = Annotated[
    str, typer.Option(envvar="CAIRN_HTTP_ADDRESS", help="Assessment's HTTP door, host:port or a URL.")
]
BootstrapServers = Annotated[
    str, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS", help="Brokers, host:port separated by commas.")
]
Purpose = Annotated[
    str, typer.Option(envvar="CAIRN_PURPOSE", help="What for; who asks another institution must say it.")
]

ASSESSMENT = "127.0.0.1:7401"
RECOGNITION = "127.0.0.1:7402"
RECORDS = "127.0.0.1:7403"
HTTP = "127.0.0.1:7400"
BROKERS = "127.0.0.1:9092"
