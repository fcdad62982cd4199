"""What students and the agent may do at the hub."""

from wod_jupyterhub.eviction import EVICT_SCOPE
from wod_jupyterhub.seat_access import DELIVER_SCOPE

AGENT = "wod-agent"
ROLES = [
    # the default role's scope "self" lets a student mint tokens and share servers, which would outlive the seat.
    # Reading one's (no) groups: the hub wants to put it into the token that opens the server, and fails without.
    {
        "name": "user",
        "scopes": ["servers!user", "access:servers!user", "users:activity!user", "read:users:groups!user"],
    },
    # the server's token is readable in the student's shell
    {"name": "server", "scopes": ["users:activity!user", "access:servers!server"]},
]
AGENT_ROLE = {"name": AGENT, "scopes": ["servers", EVICT_SCOPE], "services": [AGENT]}
DELIVERING_ROLE = {"name": "wod-delivery", "scopes": [DELIVER_SCOPE], "services": [AGENT]}
