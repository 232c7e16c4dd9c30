"""What OpenSSL's errors mean for the operator of a node, in words."""

from __future__ import annotations

_MEANINGS = (
    ("peer did not return a certificate", "it showed no certificate"),
    (
        "alert unknown ca",
        "it does not know the CA of our certificate: the two nodes belong to different chains",
    ),
    ("alert certificate expired", "it says that our certificate has expired"),
    ("alert bad certificate", "it does not accept our certificate"),
    ("alert certificate unknown", "it does not accept our certificate"),
    ("alert certificate required", "it says that we showed no certificate"),
    (
        "alert internal error",
        "it refused us with an internal error, as a FISCO BCOS node does with those whom its "
        "black list or white list keeps out",
    ),
    (
        "alert handshake failure",
        "it found no cipher or curve in common with us; are both networks on the same curve?",
    ),
    ("alert protocol version", "it speaks no TLS version that we speak"),
    ("unsupported protocol", "it speaks no TLS version that we speak"),
    ("version too low", "it speaks no TLS version that we speak"),
    ("no shared cipher", "no cipher or curve in common; are both networks on the same curve?"),
    ("wrong curve", "no curve in common; are both networks on the same curve?"),
    ("no suitable", "no signature or curve in common; are both networks on the same curve?"),
    ("wrong signature type", "no signature in common; are both networks on the same curve?"),
    ("http request", "it speaks HTTP, not TLS"),
    ("wrong version number", "it does not speak TLS"),
    ("packet length too long", "it does not speak TLS"),
    ("record layer failure", "it does not speak TLS"),
    ("unexpected message", "it does not speak TLS"),
    ("unexpected eof", "it closed the connection during the handshake"),
)

_VERIFY_FAULTS = {
    2: "its issuer is missing",
    7: "its signature is wrong",
    9: "it is not yet valid; are both clocks right?",
    10: "it has expired",
    18: "it is self-signed",
    19: "its root is not our CA: another chain",
    20: "its issuer is not our CA: another chain, or the agency's certificate is missing",
    21: "its issuer is not our CA: another chain, or the agency's certificate is missing",
    23: "it has been revoked",
    24: "one of its issuers is not a CA",
    26: "it is not meant for TLS",
    79: "one of its issuers is not a CA",
}


def meaning(reason: str) -> str:
    """
    Explain an OpenSSL reason.

    @param reason: as in C{SSLV3_ALERT_BAD_CERTIFICATE} or C{sslv3 alert bad certificate}.
    """
    plain = reason.replace("_", " ").lower()
    for part, words in _MEANINGS:
        if part in plain:
            return f"{words} ({plain})"
    return f"TLS failed ({plain})"


def verifyFault(code: int, reason: str = "") -> str:
    """
    Explain why a certificate did not verify.

    @param code: OpenSSL's X509_V_ERR number.
    @param reason: OpenSSL's own words for it, if known.
    """
    words = _VERIFY_FAULTS.get(code, reason or "it does not verify")
    return f"its certificate is refused: {words} (X.509 error {code})"
