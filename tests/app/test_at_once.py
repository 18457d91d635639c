"""Small answers do not wait for the acknowledgement of what was sent before."""

import subprocess
import sys

import pytest

NO_DELAY = """
import asyncio, socket
{first}
async def main():
    asked = asyncio.get_running_loop().create_future()
    async def answer(reader, writer):
        own = writer.get_extra_info("socket")
        asked.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
    with socket.create_server(("127.0.0.1", 0)) as listening:  # as Streamlit's, and that of sharpcam live
        async with await asyncio.start_server(answer, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            print(await asked)
            writer.close()
asyncio.run(main())
"""


@pytest.mark.parametrize("server", ["app.server", "app.live.serve"])
def test_answers_of_both_servers_leave_at_once(server: str) -> None:
    code = NO_DELAY.format(first=f"import {server}")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
