"""Whether a peer may speak for the agent that it says it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

REDFISH_PREFIX: Final = "redfish:"
"""How the ids begin of the agents that the collector itself is."""

_SUBJECT_ALTERNATIVE_NAME = "x509_subject_alternative_name"


def may_speak_for(agent_id: str, authentication: Mapping[str, Iterable[bytes]]) -> bool:
    """PURE. Return whether gRPC's authentication context vouches for `agent_id`.

    A client certificate binds: the id must be among its subject alternative names. Without one
    the connection is plaintext on loopback, or TLS that does not ask for certificates: then it
    may be any agent but one that the collector itself is.
    """
    names = authentication.get(_SUBJECT_ALTERNATIVE_NAME)
    if names is None:
        return not agent_id.startswith(REDFISH_PREFIX)
    return agent_id.encode() in set(names)
