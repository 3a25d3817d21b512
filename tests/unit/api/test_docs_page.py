from __future__ import annotations

import re
from pathlib import Path

import httpx

from tests.serving import ask, workspace


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    async def questions(client: httpx.AsyncClient) -> tuple[str, list[httpx.Response]]:
        page = (await client.get("/docs")).text
        found = re.findall(r'(?:src|href)="([^"]+)"', page)
        return page, [await client.get(link) for link in found if not link.startswith("data:")]

    page, loaded = ask(workspace(tmp_path), questions)
    assert not re.findall(r"https?://", page)
    assert [answer.status_code for answer in loaded] == [200, 200]
    assert "SwaggerUIBundle" in loaded[1].text + loaded[0].text
