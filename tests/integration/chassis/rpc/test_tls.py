# SPDX-License-Identifier: Apache-2.0
"""A real server over mutual TLS: who gets in, as whom, and how its certificate is changed under calls."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import load_pem_x509_certificate
from structlog.testing import capture_logs

from cairn.client.channel import open_channel
from cairn.client.tls import Tls
from cairn.records.v1 import record_service_pb2 as messages
from cairn.records.v1 import record_service_pb2_grpc as stubs
from chassis.errors import Reject, Retry
from chassis.health import Health
from chassis.rpc.authorities import Authorities
from chassis.rpc.listening import Listening
from chassis.rpc.operators import CertifiedOperators, Operators
from chassis.rpc.peer import caller_of
from chassis.rpc.server import RpcServer
from chassis.rpc.tls import ServerTls, TlsFiles
from tests.certificates import Authority, Issued, write_server_files

NAME = "cairn.records.v1.RecordService"
REGISTRY = "spiffe://example.edu/registry"
HOUR = timedelta(hours=1)


class Records(stubs.RecordServiceServicer):
    """Tells an operator by what it is known as, and nobody else."""

    def __init__(self, operators: Operators) -> None:
        self._operators = operators

    async def GetLearnerRecord(  # noqa: N802 - the contract's name
        self, _request: messages.GetLearnerRecordRequest, context: Any
    ) -> messages.GetLearnerRecordResponse:
        known_as = self._operators.authorise(caller_of(context))
        return messages.GetLearnerRecordResponse(disclosure_id=known_as)

    async def GetEntry(  # noqa: N802 - the contract's name
        self, _request: messages.GetEntryRequest, _context: Any
    ) -> messages.GetEntryResponse:
        return messages.GetEntryResponse()

    async def ListEntries(  # noqa: N802 - the contract's name
        self, _request: messages.ListEntriesRequest, _context: Any
    ) -> messages.ListEntriesResponse:
        return messages.ListEntriesResponse()

    async def ListDisclosures(  # noqa: N802 - the contract's name
        self, _request: messages.ListDisclosuresRequest, _context: Any
    ) -> messages.ListDisclosuresResponse:
        return messages.ListDisclosuresResponse()

    async def WatchEntries(  # noqa: N802 - the contract's name
        self, _request: messages.WatchEntriesRequest, context: Any
    ) -> AsyncIterator[messages.WatchEntriesResponse]:
        self._operators.authorise(caller_of(context))
        for position in range(1, 1000):
            yield messages.WatchEntriesResponse(position=position)
            await asyncio.sleep(0.01)


class Running:
    """A server that runs, and the files that it reads."""

    def __init__(self, folder: Path, issued: Issued, trust: bytes) -> None:
        self.folder = folder
        certificate, key, operators = write_server_files(folder, issued, trust)
        self.tls = ServerTls(TlsFiles(certificate=certificate, key=key, trust=operators))
        known = CertifiedOperators(lambda: self.tls.authorities, [REGISTRY], lambda: datetime.now(UTC))
        self.listening = Listening("127.0.0.1", self.tls, known)
        self.server = RpcServer([NAME], 0, Health(), listening=self.listening)
        stubs.add_RecordServiceServicer_to_server(Records(known), self.server.server)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    async def asked(self, shown: Tls) -> str:
        """Return as whom a caller is known, who comes over a connection of its own."""
        async with open_channel(self.address, shown) as channel:
            request = messages.GetLearnerRecordRequest(name="any")
            answer = await stubs.RecordServiceStub(channel).GetLearnerRecord(request, timeout=20)
        return answer.disclosure_id

    async def certificate(self, shown: Tls) -> bytes:
        """Return what the server shows to a new connection, in PEM."""
        context = ssl.create_default_context(cadata=shown.authorities.decode())
        certificate, key = self.folder / "shown.crt", self.folder / "shown.key"
        certificate.write_bytes(shown.certificate)
        key.write_bytes(shown.key)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["h2"])
        _, writer = await asyncio.open_connection("127.0.0.1", self.server.port, ssl=context)
        try:
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.transport.abort()
        return ssl.DER_cert_to_PEM_cert(der).encode()


@asynccontextmanager
async def running(folder: Path, ours: Authority, theirs: Authority) -> AsyncIterator[Running]:
    each = Running(folder, ours.server(), theirs.pem)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(each.server.run(stop)), asyncio.create_task(each.tls.follow(stop))]
    try:
        yield each
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 15)


async def refused(each: Running, shown: Tls) -> grpc.StatusCode:
    """Return how a caller is refused; as ever, only what a good one is not shows anything."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await each.asked(shown)
    return error.value.code()


async def test_an_operator_is_known_by_the_certificate(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    issuing = Authority("issuing", under=theirs)
    async with running(tmp_path, ours, theirs) as each:
        assert await each.asked(theirs.client(REGISTRY).shown_to(ours)) == REGISTRY
        assert await each.asked(issuing.client(REGISTRY).shown_to(ours)) == REGISTRY


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "RSA"],
)
async def test_every_kind_of_key_that_is_promised_is_taken_on_both_sides(
    tmp_path: Path, theirs: Authority, make: Callable[[], Any]
) -> None:
    ours = Authority("servers of older tools", homely=True)
    async with running(tmp_path, ours, theirs) as each:
        write_server_files(tmp_path, ours.server(key=make()), theirs.pem)
        each.tls.look()

        assert await each.asked(theirs.client(REGISTRY, key=make()).shown_to(ours)) == REGISTRY


async def test_whoever_is_no_operator_is_refused_by_the_method(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    shown = theirs.client("spiffe://example.edu/students").shown_to(ours)
    async with running(tmp_path, ours, theirs) as each:
        assert await refused(each, shown) is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("what", ["unknown authority", "itself", "expired", "not yet", "a server's"])
async def test_whose_certificate_is_not_good_gets_no_connection(
    tmp_path: Path, ours: Authority, theirs: Authority, what: str
) -> None:
    shown = {
        "unknown authority": Authority("operators").client(REGISTRY),
        "itself": Authority(REGISTRY).client(REGISTRY),
        "expired": theirs.client(REGISTRY, since=-2 * HOUR, until=-HOUR),
        "not yet": theirs.client(REGISTRY, since=HOUR, until=2 * HOUR),
        "a server's": theirs.server(),
    }[what]
    async with running(tmp_path, ours, theirs) as each:
        assert await refused(each, shown.shown_to(ours)) is grpc.StatusCode.UNAVAILABLE
        assert await each.asked(theirs.client(REGISTRY).shown_to(ours)) == REGISTRY


async def test_without_a_certificate_or_in_the_clear_nobody_gets_in(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    request = messages.GetLearnerRecordRequest(name="any")
    async with running(tmp_path, ours, theirs) as each:
        credentials = grpc.ssl_channel_credentials(ours.pem)
        for channel in (
            grpc.aio.secure_channel(each.address, credentials),
            grpc.aio.insecure_channel(each.address),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stubs.RecordServiceStub(channel).GetLearnerRecord(request, timeout=5)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            await channel.close()
        assert await each.asked(theirs.client(REGISTRY).shown_to(ours)) == REGISTRY


async def test_a_caller_believes_no_other_server(tmp_path: Path, ours: Authority, theirs: Authority) -> None:
    shown = theirs.client(REGISTRY).shown_to(Authority("servers"))
    async with running(tmp_path, ours, theirs) as each:
        assert await refused(each, shown) is grpc.StatusCode.UNAVAILABLE
        assert await each.asked(theirs.client(REGISTRY).shown_to(ours)) == REGISTRY


async def test_a_new_certificate_is_shown_without_ending_a_call(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    shown = theirs.client(REGISTRY).shown_to(ours)
    async with running(tmp_path, ours, theirs) as each, open_channel(each.address, shown) as channel:
        watch = stubs.RecordServiceStub(channel).WatchEntries(messages.WatchEntriesRequest(parent="any"))

        async def position() -> int:
            answer = await watch.read()
            assert isinstance(answer, messages.WatchEntriesResponse)
            return answer.position

        positions = [await position()]
        before = await each.certificate(shown)

        renewed = ours.server()
        write_server_files(tmp_path, renewed, theirs.pem)
        async with asyncio.timeout(10):
            while (now := await each.certificate(shown)) == before:
                positions.append(await position())

        positions += [await position() for _ in range(5)]
        watch.cancel()
    assert load_pem_x509_certificate(now) == load_pem_x509_certificate(renewed.certificate)
    assert positions == list(range(1, len(positions) + 1))


async def test_who_is_trusted_changes_with_the_file(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    followers = Authority("operators of next year")
    shown = followers.client(REGISTRY).shown_to(ours)
    async with running(tmp_path, ours, theirs) as each:
        assert await refused(each, shown) is grpc.StatusCode.UNAVAILABLE

        (tmp_path / "operators.crt").write_bytes(followers.pem)
        each.tls.look()

        assert await each.asked(shown) == REGISTRY
        assert await refused(each, theirs.client(REGISTRY).shown_to(ours)) is grpc.StatusCode.UNAVAILABLE


async def test_who_is_trusted_no_more_may_not_go_on(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    """The connection stays, and every call on it is asked about anew."""
    request = messages.GetLearnerRecordRequest(name="any")
    shown = theirs.client(REGISTRY).shown_to(ours)
    async with running(tmp_path, ours, theirs) as each, open_channel(each.address, shown) as channel:
        stub = stubs.RecordServiceStub(channel)
        assert (await stub.GetLearnerRecord(request)).disclosure_id == REGISTRY

        (tmp_path / "operators.crt").write_bytes(Authority("operators of next year").pem)
        each.tls.look()

        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.GetLearnerRecord(request)
    assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_who_is_believed_changes_although_the_certificate_will_not_do(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    followers = Authority("operators of next year")
    async with running(tmp_path, ours, theirs) as each:
        write_server_files(tmp_path, ours.server(until=-HOUR), followers.pem)
        each.tls.look()

        assert await each.asked(followers.client(REGISTRY).shown_to(ours)) == REGISTRY
        assert await refused(each, theirs.client(REGISTRY).shown_to(ours)) is grpc.StatusCode.UNAVAILABLE


async def test_half_a_rotation_is_waited_for(
    tmp_path: Path, ours: Authority, theirs: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "chassis.followed.log", SimpleNamespace(warning=lambda _, **of: told.append(of["setting"]))
    )
    shown, renewed = theirs.client(REGISTRY).shown_to(ours), ours.server()
    async with running(tmp_path, ours, theirs) as each:
        before = await each.certificate(shown)

        (tmp_path / "tls.crt").write_bytes(renewed.certificate)
        each.tls.look()
        assert await each.certificate(shown) == before

        (tmp_path / "tls.key").unlink()
        each.tls.look()
        assert await each.certificate(shown) == before

        (tmp_path / "tls.key").write_bytes(renewed.key)
        each.tls.look()
        now = await each.certificate(shown)
        assert load_pem_x509_certificate(now) == load_pem_x509_certificate(renewed.certificate)
    assert told == ["TLS_KEY_FILE", "TLS_KEY_FILE"]


async def test_a_certificate_that_begins_later_is_taken_then(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    shown, soon = theirs.client(REGISTRY).shown_to(ours), timedelta(seconds=12)
    async with running(tmp_path, ours, theirs) as each:
        before = await each.certificate(shown)

        write_server_files(tmp_path, ours.server(since=soon), theirs.pem)
        each.tls.look()
        assert await each.certificate(shown) == before

        async with asyncio.timeout(40):
            while await each.certificate(shown) == before:
                pass


async def test_a_taken_port_is_told(tmp_path: Path, ours: Authority, theirs: Authority) -> None:
    async with running(tmp_path, ours, theirs) as each:
        with pytest.raises(Retry):
            RpcServer([NAME], each.server.port, Health(), listening=each.listening)


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda pem: pem,
    "a NUL behind it": lambda pem: pem + b"\0",
    "a NUL before it": lambda pem: b"\0" + pem,
    "a block without an end": lambda pem: pem + b"-----BEGIN CERTIFICATE-----\nMIIB\n",
    "text behind the end": lambda pem: pem.rstrip() + b" # the north\n",
    "text before the beginning": lambda pem: b"# ca: " + pem,
    "indented": lambda pem: b"\n".join(b"  " + line for line in pem.splitlines()),
    "folded": lambda pem: b" ".join(pem.splitlines()),
    "CR alone": lambda pem: pem.replace(b"\n", b"\r"),
    "CR and LF": lambda pem: pem.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda pem: b"\xef\xbb\xbf" + pem,
    "a trusted one behind it": lambda pem: pem + Authority("x").pem.replace(b" CERT", b" TRUSTED CERT"),
    "a key behind it": lambda pem: pem + Authority("x").client("a:b").key,
}


@pytest.mark.parametrize("form", FORMS)
async def test_how_one_bundle_is_written_keeps_nobody_of_another_out(
    form: str, tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    """TLS stops at the first certificate that it cannot read, and knows none behind it."""
    north, south = Authority("north"), Authority("south")
    bundles = [Authorities(south.pem)]
    with suppress(Reject):
        bundles.insert(0, Authorities(FORMS[form](north.pem)))
    async with running(tmp_path, ours, theirs) as each:
        each.tls.believe(bundles)
        let_in = [south, north] if len(bundles) > 1 else [south]
        for authority in let_in:
            shown = authority.client(REGISTRY).shown_to(ours)
            assert await refused(each, shown) is grpc.StatusCode.PERMISSION_DENIED
        assert await each.asked(theirs.client(REGISTRY).shown_to(ours)) == REGISTRY


@pytest.mark.parametrize("others", [0, 31, 33])
async def test_a_namesake_of_the_operators_authority_keeps_no_operator_out(
    others: int, tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    """Which of two of one name TLS takes depends on how many others there are."""
    namesake, south = Authority("operators", identified=False), Authority("south")
    besides = [Authorities(Authority(f"other {number}").pem) for number in range(others)]
    async with running(tmp_path, ours, theirs) as each:
        with capture_logs() as said:
            each.tls.believe([Authorities(namesake.pem), Authorities(south.pem), *besides])
            assert await each.asked(theirs.client(REGISTRY).shown_to(ours)) == REGISTRY
            shown = south.client(REGISTRY).shown_to(ours)
            assert await refused(each, shown) is grpc.StatusCode.PERMISSION_DENIED
    told = "authorities left out: others of their names are believed"
    assert {line["count"] for line in said if line["event"] == told} == {1}
