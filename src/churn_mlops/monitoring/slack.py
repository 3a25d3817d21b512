"""A message as Slack's incoming webhooks take it."""

from __future__ import annotations

from typing import Any

from churn_mlops.monitoring.message import Message, one_line

# https://docs.slack.dev/reference/block-kit/blocks
HEADER_CHARACTERS = 150
SECTION_CHARACTERS = 3_000
TEXT_CHARACTERS = 3_000
MAX_BLOCKS = 50
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def payload(message: Message) -> dict[str, Any]:
    """The body to post: blocks, and a text for notifications and for those who show no blocks.

    What comes from the data is escaped and stands in plain text, where no ``*`` or ``:smile:``
    in a column's name means anything. Slack refuses texts that are too long; they are cut.
    """
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(one_line(message.title), HEADER_CHARACTERS)}
    ]
    sections = _sections(message.lines)
    room = MAX_BLOCKS - 2
    blocks += [{"type": "section", "text": _plain(text, SECTION_CHARACTERS)}
               for text in sections[:room]]  # fmt: skip
    if message.link:
        blocks.append({"type": "section", "text": _link(message.link)})
    text = escaped(f"{message.title}\n{message.text()}", TEXT_CHARACTERS)
    return {"text": text, "blocks": blocks}


def escaped(text: str, characters: int) -> str:
    """A text with ``&``, ``<`` and ``>`` escaped, cut between characters, not in an escape."""
    pieces = [_ESCAPED.get(character, character) for character in text]
    length = sum(map(len, pieces))
    if length <= characters:
        return "".join(pieces)
    while length > characters - 1:
        length -= len(pieces.pop())
    return "".join(pieces) + "…"


def _plain(text: str, characters: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": escaped(text, characters) or " ", "emoji": False}


def _sections(lines: tuple[str, ...]) -> list[str]:
    """Lines put together to as few sections as hold them."""
    found: list[str] = []
    for line in lines:
        both = f"{found[-1]}\n{line}" if found else ""
        if found and len(escaped(both, 10 * SECTION_CHARACTERS)) <= SECTION_CHARACTERS:
            found[-1] = both
        else:
            found.append(line)
    return found


def _link(link: str) -> dict[str, Any]:
    if not link.startswith(("http://", "https://")):
        return _plain(link, SECTION_CHARACTERS)
    # A bar ends the address within Slack's <address|words>.
    address = escaped(link.replace("|", "%7C").replace(" ", "%20"), SECTION_CHARACTERS)
    return (
        {"type": "mrkdwn", "text": f"<{address}|Report>"}
        if len(address) < 2_900
        else _plain(link, SECTION_CHARACTERS)
    )
