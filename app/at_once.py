"""Answers leave at once.

asyncio turns Nagle's algorithm off only where a socket was made with the number of its protocol, and that of Streamlit,
as of `socket.create_server`, is not. The body of each small answer then waited until the browser had acknowledged its
head, which takes 40 ms (RFC 9293, 3.7.4 and 3.8.6.3).
"""

import socket
from asyncio import base_events


def send_at_once() -> None:
    """From now on connections of this process do not wait for more to send."""
    vars(base_events)["_set_nodelay"] = _no_delay


def _no_delay(connection: socket.socket) -> None:
    if connection.family in (socket.AF_INET, socket.AF_INET6) and connection.type == socket.SOCK_STREAM:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
