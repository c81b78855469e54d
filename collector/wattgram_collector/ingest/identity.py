"""Whether a peer may speak for the agent that it says it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_SUBJECT_ALTERNATIVE_NAME = "x509_subject_alternative_name"


def may_speak_for(agent_id: str, authentication: Mapping[str, Iterable[bytes]]) -> bool:
    """PURE. Return whether gRPC's authentication context vouches for `agent_id`.

    A client certificate binds: the id must be among its subject alternative names. Without one
    the connection is plaintext on loopback, or TLS that does not ask for certificates.
    """
    names = authentication.get(_SUBJECT_ALTERNATIVE_NAME)
    if names is None:
        return True
    return agent_id.encode() in set(names)
