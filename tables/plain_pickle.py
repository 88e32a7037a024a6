"""Reading numbers out of a pickle file that somebody else made, without unpickling it.

A pickle is a program. This reader follows the few instructions that build dictionaries, lists, texts and floats, and
refuses a file at the first other one: there is none by which a file could name a class or call a function, and
Python's module for pickles is not imported.
"""

from __future__ import annotations

import struct
from pathlib import Path

from ..problems.errors import FileProblem

_FLOAT = struct.Struct(">d")


def read_plain_pickle(path: Path) -> object:
    """Read a pickle of dictionaries, lists, texts and floats, as protocol 4 writes them.

    Raises
    ------
    FileProblem
        If the file is missing, damaged, or holds anything else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {error.strerror}") from error
    try:
        return _follow(content)
    except _Foreign as error:
        raise FileProblem(
            f"{path}: {error}: expected dictionaries, lists, texts and floats, and nothing else"
        ) from error
    except (IndexError, TypeError, ValueError, struct.error) as error:
        raise FileProblem(f"{path} is truncated or damaged ({error})") from error


class _Foreign(Exception):
    """An instruction that this reader does not follow."""


def _follow(content: bytes) -> object:
    """Follow the instructions of a pickle; their names are those of the standard library's pickletools."""
    stack: list[object] = []
    marks: list[int] = []
    memo: list[object] = []
    at = 0
    while True:
        code = content[at]
        at += 1
        if code == 0x47:  # BINFLOAT
            stack.append(_FLOAT.unpack_from(content, at)[0])
            at += 8
        elif code == 0x94:  # MEMOIZE
            memo.append(stack[-1])
        elif code == 0x28:  # MARK
            marks.append(len(stack))
        elif code == 0x68:  # BINGET
            stack.append(memo[content[at]])
            at += 1
        elif code == 0x8C:  # SHORT_BINUNICODE
            start, at = at + 1, at + 1 + content[at]
            stack.append(content[start:at].decode("utf-8"))
        elif code == 0x5D:  # EMPTY_LIST
            stack.append([])
        elif code == 0x7D:  # EMPTY_DICT
            stack.append({})
        elif code in (0x61, 0x65, 0x73, 0x75):  # APPEND, APPENDS, SETITEM, SETITEMS
            mark = {0x61: len(stack) - 1, 0x73: len(stack) - 2}.get(code) or marks.pop()
            _fill(stack[mark - 1], stack[mark:])
            del stack[mark:]
        elif code == 0x95:  # FRAME: how many bytes follow, for buffers
            at += 8
        elif code == 0x80:  # PROTO
            at += 1
        elif code == 0x2E:  # STOP
            return stack.pop()
        else:
            raise _Foreign(f"instruction {code:#04x} at byte {at - 1}")


def _fill(container: object, items: list[object]) -> None:
    """Append to a list, or set the keys and values of a dictionary."""
    if isinstance(container, list):
        container.extend(items)
    elif isinstance(container, dict):
        container.update(zip(items[::2], items[1::2], strict=True))
    else:
        raise TypeError(f"cannot put items into {container!r:.40}")
