"""
A chain's directory as the official chain builder of FISCO BCOS 2.11 makes it, down to its traps.

The root is an X.509 v1 certificate, C{config.ini} has every section in its own layout, and the
scripts find a node by C{<directory>/../fisco-bcos} in what C{ps} lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from fiscop2p.identity import nodeIDOf

IP = "127.0.0.1"

CONFIG = """\
[rpc]
    channel_listen_ip=0.0.0.0
    channel_listen_port={channelPort}
    jsonrpc_listen_ip=127.0.0.1
    jsonrpc_listen_port={rpcPort}
    disable_dynamic_group=false
[p2p]
    listen_ip=0.0.0.0
    listen_port={p2pPort}
    ; the nodes to connect
{peers}

[certificate_blacklist]
    ; crl.0 should be a node ID, 128 hex digits
    ;crl.0=

[certificate_whitelist]
    ; cal.0 should be a node ID, 128 hex digits
    ;cal.0=

[group]
    group_data_path=data/
    group_config_path=conf/

[network_security]
    ; where the key and the certificates are
    data_path=conf/
    key=node.key
    cert=node.crt
    ca_cert=ca.crt

[storage_security]
    enable=false
    key_manager_ip=
    key_manager_port=
    cipher_data_key=

[chain]
    id=1
    ; whether SM is used, not to be changed
    sm_crypto=false
    sm_crypto_channel=false
    rsa_crypto_channel=true

[compatibility]
    ; the version of the chain, not to be changed
    supported_version=2.11.1

[log]
    enable=true
    log_path=./log
    enable_console_output = false
    ; whether there are statistics of the network
    enable_statistic=false
\t; seconds between two statistics
    stat_flush_interval=60
    ; info, debug, trace
    level=info
    ; MB
    max_log_file_size=200
    flush=true
[flow_control]
    ; requests a second
    ;limit_req=1000
    ; Mbit a second
    ;outgoing_bandwidth_limit=2
"""

GENESIS = """\
[consensus]
    consensus_type=pbft
    max_trans_num=1000
    ; the node IDs of the sealers
{sealers}

[state]
    type=storage

[tx]
    gas_limit=300000000

[group]
    id=1
    timestamp=1719792000000
"""

GROUP = """\
[consensus]
    ; milliseconds
    ttl=2

[tx_pool]
    limit=150000

[sync]
    idle_wait_ms=200
"""

_HERE = """\
#!/bin/bash
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "${here}" || exit 1
"""

_NODE = f"""\
{_HERE}
binary="${{here}}/../fisco-bcos"
name="$(basename "${{here}}")"
running() {{
    ps aux | grep "${{binary}}" | grep -v grep | awk '{{print $2}}'
}}
pid="$(running)"
"""

START = f"""\
{_NODE}
if [ -n "${{pid}}" ]; then
    echo " ${{name}} is running, pid is ${{pid}}."
    exit 0
fi
nohup "${{binary}}" -c config.ini >>nohup.out 2>&1 &
sleep 1.5
for attempt in 1 2 3 4; do
    sleep 0.5
    pid="$(running)"
    if [ -n "${{pid}}" ] && tail -n 20 nohup.out | grep -q running; then
        echo -e "\\033[32m ${{name}} start successfully\\033[0m"
        exit 0
    fi
done
echo -e "\\033[31m  Exceed waiting time. Please try again to start ${{name}} \\033[0m"
tail -n 20 nohup.out
exit 1
"""

STOP = f"""\
{_NODE}
if [ -z "${{pid}}" ]; then
    echo " ${{name}} isn't running."
    exit 0
fi
kill "${{pid}}"
for attempt in $(seq 20); do
    sleep 0.6
    if [ -z "$(running)" ]; then
        echo -e "\\033[32m stop ${{name}} success.\\033[0m"
        exit 0
    fi
done
echo " stop ${{name}} takes too long."
exit 1
"""

_ALL = f"""\
{_HERE}
for node in "${{here}}"/*/; do
    if [ -f "${{node}}config.ini" ] && [ -f "${{node}}start.sh" ]; then
        bash "${{node}}@SCRIPT@" &
    fi
done
wait
"""

_TOUCH = f"""\
{_HERE}
touch "${{here}}/../config.ini.@SIGNAL@"
"""

MONITOR = """\
#!/bin/bash
# Is the node's process there, and does it answer?
port="$(grep jsonrpc_listen_port "$(dirname "$0")/../config.ini" | cut -d= -f2)"
curl -s -X POST --data '{"jsonrpc":"2.0","method":"getBlockNumber","params":[1],"id":1}' \\
    "127.0.0.1:${port}"
"""

CERT_CNF = """\
[ca]
default_ca=default_ca
[default_ca]
default_days = 365
default_md = sha256
[req]
distinguished_name = req_distinguished_name
req_extensions = v3_req
[req_distinguished_name]
countryName = CN
countryName_default = CN
[v3_req]
basicConstraints = CA:FALSE
keyUsage = nonRepudiation, digitalSignature, keyEncipherment
[v4_req]
basicConstraints = CA:TRUE
"""

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class OfficialNode:
    """
    A node of such a chain.

    @ivar directory: where its C{config.ini} is.
    @ivar nodeID: 128 hex digits.
    @ivar p2pPort: where it listens for peers.
    @ivar rpcPort: where it answers JSON-RPC.
    """

    directory: Path
    nodeID: str
    p2pPort: int
    rpcPort: int


def buildOfficialChain(folder: Path, count: int, firstPort: int) -> list[OfficialNode]:
    """
    Write the directory of a chain with one agency and nodes on 127.0.0.1.

    The binary, C{<folder>/127.0.0.1/fisco-bcos}, is left to the caller.

    @param folder: where to; not there yet.
    @param count: how many nodes.
    @param firstPort: the first of three times C{count} ports: for peers, channels, JSON-RPC.
    """
    chain = _Issuer.makeRoot("chain", "chain", ec.generate_private_key(ec.SECP256K1()))
    agency = chain.issue("agency", "agency", _newECKey(), isCA=True)
    channel = _Issuer.makeRoot("agency", "chain", _newRSAKey())
    sdk = channel.issue("FISCO-BCOS", "agency", _newRSAKey())

    _write(folder / "cert.cnf", CERT_CNF)
    _writeIssuer(folder / "cert", "ca", chain)
    _writeIssuer(folder / "cert" / "agency", "agency", agency)
    _write(folder / "cert" / "agency" / "ca.crt", chain.pem)
    _writeIssuer(folder / "cert" / "agency" / "channel", "ca", channel)
    host = folder / IP
    _writePair(host / "sdk", "sdk", sdk, [sdk, channel], channel)
    _write(host / "sdk" / "cert.cnf", CERT_CNF)
    for name, script in (("start_all.sh", "start.sh"), ("stop_all.sh", "stop.sh")):
        _write(host / name, _ALL.replace("@SCRIPT@", script), 0o755)

    issued = [agency.issue(f"node{index}", "node", _newECKey()) for index in range(count)]
    nodes = [
        OfficialNode(
            host / f"node{index}", each.nodeID, firstPort + index, firstPort + 2 * count + index
        )
        for index, each in enumerate(issued)
    ]
    for index, (node, own) in enumerate(zip(nodes, issued, strict=True)):
        _writeNode(node, own, [own, agency, chain], chain, nodes, firstPort + count + index)
        onChannel = channel.issue("FISCO-BCOS", "agency", _newRSAKey())
        conf = node.directory / "conf" / "channel_cert"
        _writePair(conf, "node", onChannel, [onChannel, channel], channel)
        _write(conf / "cert.cnf", CERT_CNF)
    return nodes


def _writeNode(
    node: OfficialNode,
    own: _Issuer,
    path: list[_Issuer],
    chain: _Issuer,
    nodes: list[OfficialNode],
    channelPort: int,
) -> None:
    directory, conf = node.directory, node.directory / "conf"
    peers = _numbered("node", (f"{IP}:{other.p2pPort}" for other in nodes))
    _write(
        directory / "config.ini",
        CONFIG.format(
            channelPort=channelPort, rpcPort=node.rpcPort, p2pPort=node.p2pPort, peers=peers
        ),
    )
    _write(directory / "start.sh", START, 0o755)
    _write(directory / "stop.sh", STOP, 0o755)
    for name, text in {
        "load_new_groups.sh": _TOUCH.replace("@SIGNAL@", "append_group"),
        "reload_whitelist.sh": _TOUCH.replace("@SIGNAL@", "reset_certificate_whitelist"),
        "reload_sdk_allowlist.sh": _TOUCH.replace("@SIGNAL@", "reset_allowlist"),
        "monitor.sh": MONITOR,
    }.items():
        _write(directory / "scripts" / name, text, 0o755)
    _writePair(conf, "node", own, path, chain)
    _write(conf / "node.nodeid", f"{own.nodeID}\n")
    sealers = _numbered("node", (other.nodeID for other in nodes))
    _write(conf / "group.1.genesis", GENESIS.format(sealers=sealers))
    _write(conf / "group.1.ini", GROUP)


def _numbered(key: str, values: Iterable[str]) -> str:
    return "\n".join(f"    {key}.{index}={value}" for index, value in enumerate(values))


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _writeIssuer(directory: Path, name: str, issuer: _Issuer) -> None:
    _write(directory / f"{name}.crt", issuer.pem)
    _write(directory / f"{name}.key", issuer.keyPEM, 0o600)
    _write(directory / f"{name}.srl", f"{issuer.certificate.serial_number:X}\n")
    _write(directory / "cert.cnf", CERT_CNF)


def _writePair(
    directory: Path, name: str, own: _Issuer, path: list[_Issuer], root: _Issuer
) -> None:
    _write(directory / "ca.crt", root.pem)
    _write(directory / f"{name}.crt", "".join(each.pem for each in path))
    _write(directory / f"{name}.key", own.keyPEM, 0o600)


# Certificates.


@dataclass(frozen=True)
class _Issuer:
    """A certificate with its key."""

    key: _Key
    certificate: x509.Certificate

    @classmethod
    def makeRoot(cls, name: str, unit: str, key: _Key) -> _Issuer:
        """A root as C{openssl x509 -req -signkey} makes it: version 1, no extensions."""
        subject = _subject(name, unit)
        signed = _builder(subject, subject, key).sign(key, SHA256())
        return cls(key, _asVersion1(signed, key))

    def issue(self, name: str, unit: str, key: _Key, *, isCA: bool = False) -> _Issuer:
        """An agency or a node; what is on RSA is of version 1, too."""
        builder = _builder(_subject(name, unit), self.certificate.subject, key)
        if isinstance(key, rsa.RSAPrivateKey):
            return _Issuer(key, _asVersion1(builder.sign(self.key, SHA256()), self.key))
        builder = builder.add_extension(x509.BasicConstraints(isCA, None), critical=False)
        if not isCA:
            builder = builder.add_extension(_NODE_USAGE, critical=False)
        return _Issuer(key, builder.sign(self.key, SHA256()))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def keyPEM(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def nodeID(self) -> str:
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        return nodeIDOf(self.key.public_key())


_NODE_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _newECKey() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256K1())


def _newRSAKey() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _subject(name: str, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "fisco-bcos"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: _Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(36500))
    )


def _asVersion1(certificate: x509.Certificate, issuerKey: _Key) -> x509.Certificate:
    """The same certificate without version and extensions, signed again; cryptography has none."""
    content, algorithm, _ = _elements(certificate.public_bytes(Encoding.DER))
    version, extensions = 0xA0, 0xA3
    kept = [each for each in _elements(content) if each[0] not in (version, extensions)]
    content = _sequence(*kept)
    if isinstance(issuerKey, rsa.RSAPrivateKey):
        signature = issuerKey.sign(content, padding.PKCS1v15(), SHA256())
    else:
        signature = issuerKey.sign(content, ec.ECDSA(SHA256()))
    bits = _der(0x03, b"\0" + signature)
    return x509.load_der_x509_certificate(_sequence(content, algorithm, bits))


def _elements(sequence: bytes) -> list[bytes]:
    """What a DER sequence is made of."""
    start, end = _span(sequence, 0)
    found = []
    while start < end:
        _, stop = _span(sequence, start)
        found.append(sequence[start:stop])
        start = stop
    return found


def _span(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at an offset begins and ends."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start])
    return start, start + length


def _sequence(*elements: bytes) -> bytes:
    return _der(0x30, b"".join(elements))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(digits))) + digits + content
