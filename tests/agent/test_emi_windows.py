"""The calls to Windows, against libraries in memory that fill buffers as Windows does."""

from __future__ import annotations

import ctypes
import struct
import uuid
from typing import Any

import pytest

from wattgram_agent.sources import emi_windows
from wattgram_agent.sources.emi_windows import Api, WindowsMeters

PATH = r"\\?\ACPI#GenuineIntel#0#{45bd8344-7ed6-49cf-a440-c276c933b053}"
HANDLE = 0x1_0000_0042


class FakeManager:
    """The configuration manager: a list of paths, which may grow between two calls."""

    def __init__(self, *paths: str) -> None:
        self.listed = "".join(f"{path}\0" for path in paths) + "\0"
        self.statuses: list[int] = []
        self.interfaces: list[bytes] = []

    def CM_Get_Device_Interface_List_SizeW(  # noqa: N802 -- Microsoft's name
        self, length: Any, interface: Any, device: None, flags: Any
    ) -> int:
        self.interfaces.append(interface.raw)
        length._obj.value = len(self.listed)
        return 0

    def CM_Get_Device_Interface_ListW(  # noqa: N802 -- Microsoft's name
        self, interface: Any, device: None, buffer: Any, length: Any, flags: Any
    ) -> int:
        status = self.statuses.pop(0) if self.statuses else 0
        raw = self.listed.encode("utf-16-le")
        assert len(raw) == 2 * length.value == len(buffer)
        if status == 0:
            buffer.raw = raw
        return status


class FakeKernel:
    """Opens one handle, answers control codes, and remembers what is open."""

    def __init__(self) -> None:
        self.handle: int | None = HANDLE
        self.answers: dict[int, bytes] = {}
        self.opened: list[tuple[str, int, int, int]] = []
        self.closed: list[int] = []

    def CreateFileW(  # noqa: N802 -- Microsoft's name
        self, path: Any, access: Any, share: Any, security: None, how: Any, flags: Any, like: None
    ) -> int | None:
        self.opened.append((path.value, access.value, share.value, how.value))
        return self.handle

    def DeviceIoControl(  # noqa: N802 -- Microsoft's name
        self, handle: Any, code: Any, *buffers: Any
    ) -> int:
        _, none, answer, size, returned, overlapped = buffers
        assert (handle.value, none.value, overlapped) == (HANDLE, 0, None)
        given = self.answers.get(code.value)
        if given is None:
            return 0
        ctypes.memmove(answer, given, min(len(given), size.value))
        returned._obj.value = len(given)
        return 1

    def CloseHandle(self, handle: Any) -> int:  # noqa: N802 -- Microsoft's name
        self.closed.append(handle.value)
        return 1


class FakeApi(Api):
    def __init__(self, *paths: str) -> None:
        self.manager = FakeManager(*paths)
        self.kernel = FakeKernel()
        self.error = 0

    def last_error(self) -> int:
        return self.error


def test_the_interface_is_the_one_of_energy_meters() -> None:
    guid = uuid.UUID("45BD8344-7ED6-49cf-A440-C276C933B053")

    assert guid.bytes_le == emi_windows.INTERFACE


def test_the_paths_of_the_meters_are_listed() -> None:
    api = FakeApi(PATH, "second")

    assert WindowsMeters(api).paths() == [PATH, "second"]
    assert api.manager.interfaces == [emi_windows.INTERFACE]
    assert WindowsMeters(FakeApi()).paths() == []


def test_a_list_that_grew_is_asked_for_again() -> None:
    api = FakeApi(PATH)
    api.manager.statuses = [emi_windows.BUFFER_SMALL, 0]

    assert WindowsMeters(api).paths() == [PATH]


@pytest.mark.parametrize("statuses", [[0x1D], [emi_windows.BUFFER_SMALL] * 3])
def test_a_list_that_cannot_be_read_is_an_os_error(statuses: list[int]) -> None:
    api = FakeApi(PATH)
    api.manager.statuses = list(statuses)

    with pytest.raises(OSError, match=f"status {statuses[-1]:#x}"):
        WindowsMeters(api).paths()


def test_a_meter_is_opened_to_read_and_shared() -> None:
    api = FakeApi(PATH)
    WindowsMeters(api).open(PATH)

    assert api.kernel.opened == [(PATH, 0x80000000, 3, 3)]


@pytest.mark.parametrize("handle", [None, ctypes.c_void_p(-1).value])
@pytest.mark.parametrize(("code", "error"), [(5, PermissionError), (2, OSError)])
def test_a_meter_that_cannot_be_opened_is_an_os_error(
    handle: int | None, code: int, error: type[OSError]
) -> None:
    api = FakeApi(PATH)
    api.kernel.handle, api.error = handle, code

    with pytest.raises(error, match="opening it") as caught:
        WindowsMeters(api).open(PATH)
    assert type(caught.value) is error


def test_an_answer_is_as_long_as_windows_says() -> None:
    api = FakeApi(PATH)
    api.kernel.answers = {0x224000: struct.pack("<H", 2), 0x22400C: b"x" * 16}
    meter = WindowsMeters(api).open(PATH)

    assert meter.ask(0x224000, 8) == b"\x02\x00"
    assert meter.ask(0x22400C, 16) == b"x" * 16


def test_a_code_that_is_refused_is_an_os_error() -> None:
    api = FakeApi(PATH)
    api.error = 50
    meter = WindowsMeters(api).open(PATH)

    with pytest.raises(OSError, match="control code 0x224004: Windows error 50"):
        meter.ask(0x224004, 4)


def test_a_meter_is_closed_once_and_asked_no_more() -> None:
    api = FakeApi(PATH)
    meter = WindowsMeters(api).open(PATH)
    meter.close()
    meter.close()

    assert api.kernel.closed == [HANDLE]
    with pytest.raises(OSError, match="closed"):
        meter.ask(0x224000, 2)
