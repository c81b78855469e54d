"""Energy meters as Windows gives them: device interfaces, opened and asked by control codes.

Only calls that are documented for every Windows since 8: the configuration manager's list of
device interfaces, `CreateFileW`, `DeviceIoControl`, `CloseHandle`.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any, Final, Protocol

# GUID_DEVICE_ENERGY_METER {45BD8344-7ED6-49cf-A440-C276C933B053}, as it lies in memory.
INTERFACE: Final = bytes.fromhex("4483bd45 d67e cf49 a440c276c933b053")
PRESENT: Final = 0
BUFFER_SMALL: Final = 0x1A
ACCESS_DENIED: Final = 5
GENERIC_READ: Final = 0x80000000
SHARE_READ_WRITE: Final = 3
OPEN_EXISTING: Final = 3
_LIST_TRIES: Final = 3


class Api(Protocol):
    """The libraries `CfgMgr32` and `kernel32`, and the error of the last call to the latter."""

    manager: Any
    kernel: Any

    def last_error(self) -> int:
        """Return the code that `GetLastError` would."""


class WindowsApi(Api):
    """The libraries of this Windows; to be asked for on Windows only."""

    def __init__(self) -> None:
        import ctypes  # noqa: PLC0415 -- 3 ms that only Windows need pay

        self._ctypes: Any = ctypes
        self.manager = self._ctypes.WinDLL("CfgMgr32")
        self.kernel = self._ctypes.WinDLL("kernel32", use_last_error=True)
        self.kernel.CreateFileW.restype = ctypes.c_void_p

    def last_error(self) -> int:
        return int(self._ctypes.get_last_error())


class WindowsMeters:
    """The meters of a host: what `emi.Meters` asks for."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def paths(self) -> Sequence[str]:
        """Return the paths of the meters that are present; raises OSError."""
        import ctypes  # noqa: PLC0415 -- as above

        interface = ctypes.create_string_buffer(INTERFACE, len(INTERFACE))
        present = ctypes.c_uint32(PRESENT)
        status = BUFFER_SMALL
        for _ in range(_LIST_TRIES):
            length = ctypes.c_uint32(0)
            status = self._api.manager.CM_Get_Device_Interface_List_SizeW(
                ctypes.byref(length), interface, None, present
            )
            buffer = ctypes.create_string_buffer(2 * max(1, length.value))
            if status == 0:
                status = self._api.manager.CM_Get_Device_Interface_ListW(
                    interface, None, buffer, length, present
                )
            if status == 0:
                text = buffer.raw.decode("utf-16-le", "replace")
                return [path for path in text.split("\0") if path]
            if status != BUFFER_SMALL:  # small: one more came while we asked
                break
        raise OSError(errno.EIO, f"the list of energy meters: status {status:#x}")

    def open(self, path: str) -> WindowsMeter:
        """Open one meter to read; raises OSError."""
        import ctypes  # noqa: PLC0415 -- as above

        handle = self._api.kernel.CreateFileW(
            ctypes.c_wchar_p(path),
            ctypes.c_uint32(GENERIC_READ),
            ctypes.c_uint32(SHARE_READ_WRITE),
            None,
            ctypes.c_uint32(OPEN_EXISTING),
            ctypes.c_uint32(0),
            None,
        )
        if handle is None or handle == ctypes.c_void_p(-1).value:
            raise _last_error(self._api, "opening it")
        return WindowsMeter(self._api, handle)


class WindowsMeter:
    """An open device."""

    def __init__(self, api: Api, handle: int) -> None:
        self._api = api
        self._handle: int | None = handle

    def ask(self, code: int, size: int) -> bytes:
        """Return the answer to a control code, at most `size` bytes; raises OSError."""
        import ctypes  # noqa: PLC0415 -- as above

        if self._handle is None:
            raise OSError(errno.EBADF, "closed")
        answer = ctypes.create_string_buffer(size)
        returned = ctypes.c_uint32(0)
        done = self._api.kernel.DeviceIoControl(
            ctypes.c_void_p(self._handle),
            ctypes.c_uint32(code),
            None,
            ctypes.c_uint32(0),
            answer,
            ctypes.c_uint32(size),
            ctypes.byref(returned),
            None,
        )
        if not done:
            raise _last_error(self._api, f"control code {code:#x}")
        return answer.raw[: returned.value]

    def close(self) -> None:
        import ctypes  # noqa: PLC0415 -- as above

        handle, self._handle = self._handle, None
        if handle is not None:
            self._api.kernel.CloseHandle(ctypes.c_void_p(handle))


def _last_error(api: Api, where: str) -> OSError:
    """Return the error of the last call, a PermissionError where access was denied."""
    code = api.last_error()
    if code == ACCESS_DENIED:
        return OSError(errno.EACCES, f"{where}: access denied")
    return OSError(errno.EIO, f"{where}: Windows error {code}")
