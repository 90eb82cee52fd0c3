"""The guards that every other test relies on do guard."""

import asyncio
import os
import socket
import urllib.request

import aiohttp
import pytest

AWAY = ["http://198.51.100.1/", "https://api.openai.com/v1/chat/completions", "http://[2001:db8::1]/"]


@pytest.mark.parametrize("url", AWAY)
async def test_no_client_reaches_another_machine(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(RuntimeError, match="tried to reach"):
            await http.post(url)
    with pytest.raises(RuntimeError, match="tried to reach"):
        await asyncio.to_thread(urllib.request.build_opener(urllib.request.ProxyHandler({})).open, url)


@pytest.mark.parametrize("connect", ["connect", "connect_ex"])
def test_no_bare_socket_does(connect: str) -> None:
    with socket.socket() as one, pytest.raises(RuntimeError, match="tried to reach"):
        getattr(one, connect)(("198.51.100.1", 80))


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for name in ("127.0.0.1", "localhost"):
            socket.create_connection((name, server.getsockname()[1])).close()


def test_no_key_is_at_hand() -> None:
    assert not [name for name in os.environ if name.endswith("_API_KEY")]
