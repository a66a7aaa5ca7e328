"""The confinement of a process that decodes what strangers send: whoever takes it over can only compute and answer.

Three layers, each as far as the system has it, and none can be taken back by the process itself:

- limits (setrlimit): no new file descriptor, so no file, socket or pipe; no process, no bytes into files, no core
  files; bounds on memory and processor time. The way of OpenSSH's sandbox-rlimit.c; on every Unix.
- Landlock (Linux 5.13 and later): no file, no TCP, no signal to other processes. The same on every architecture.
- a filter of system calls (seccomp, Linux): those that computing needs, and no others. On x86-64 and arm64.

Called through ctypes, with the numbers of Linux's ABI, which never change. docs/decisions/0023-decoding-is-confined.md
says why no package does that.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from contextlib import suppress

from lookalike.signatures.process import used_memory

LIMITS = "limits"
LANDLOCK = "landlock"
SECCOMP = "seccomp"
"""Names of the layers."""

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2

SECCOMP_CALL = (317, 277)
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
"""The call on x86-64 and arm64, and what it is asked. The flag: Linux before 5.16 slows a process with a filter down,
so that it learns nothing of its own memory by speculation; ours has no secret there."""

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_RESTRICT_SELF = 446
LANDLOCK_CREATE_RULESET_VERSION = 1
"""Numbers of Landlock's calls and flag, the same on every architecture (include/uapi/asm-generic/unistd.h)."""

FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Number of rights on files, the low bits of a mask, by the first version of Landlock that has so many."""

TCP_RIGHTS = 0b11
"""To bind and to connect; since version 4."""

SCOPES = 0b11
"""Abstract Unix sockets, and signals; since version 6."""

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Identity of each architecture whose calls are known here (include/uapi/linux/audit.h)."""

ALLOWED: dict[str, tuple[int, int]] = {
    # the socket that it already has
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "lseek": (8, 62),
    "close": (3, 57),
    # memory, within its limit
    "brk": (12, 214),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    # locks, and signals to itself
    "futex": (202, 98),
    "membarrier": (324, 283),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    # facts
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "sched_getaffinity": (204, 123),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    # time
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "times": (100, 153),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "restart_syscall": (219, 128),
    "sched_yield": (24, 124),
    # the end
    "exit": (60, 93),
    "exit_group": (231, 94),
}
"""The calls that computing needs, with their numbers on x86-64 and arm64. All others fail with ENOSYS, at which
libraries go on without them: what is newer than this list fails as on an older Linux."""

CLONE = (56, 220)
CLONE_THREAD = 0x10000
"""The call that starts threads and processes, and the flag in its first argument that makes it a thread. The newer
`clone3` keeps its flags where a filter cannot see them, and fails; the C library then takes this one."""

OWN_SIGNALS: dict[str, tuple[int, int]] = {"kill": (62, 129), "tgkill": (234, 131)}
"""Calls that are allowed where their first argument is this process: `abort` needs them."""


def confine(memory: int, processor_seconds: float, *, threads: bool = False) -> frozenset[str]:
    """Confine this process for good, and return the names of the layers that hold.

    What it has open stays open. `memory`: bytes that it may have beside what it has now. `processor_seconds`: the
    processor time after which the system ends it, this process's past included. `threads`: it may start threads, and no
    processes. Everything that it will need of the disk must have been read before.
    """
    layers = {LIMITS}
    _limit(memory, processor_seconds, threads=threads)
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:
        # so that what it may run, which is nothing, gets no rights of its own; the other two need that
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _landlock(libc):
            layers.add(LANDLOCK)
    # after Landlock, whose rules are a file descriptor at first, and before the filter, which lets no limit be set
    _set(resource.RLIMIT_NOFILE, 0)
    if libc is not None and _seccomp(libc, threads=threads):
        layers.add(SECCOMP)
    return frozenset(layers)


def _limit(memory: int, processor_seconds: float, *, threads: bool) -> None:
    used = used_memory()
    if used is not None:
        # the only one that counts shared memory too; beyond it, what asks for more fails, and nothing else dies of it
        _set(resource.RLIMIT_AS, used + memory)
    else:
        _set(resource.RLIMIT_DATA, memory)
    _set(resource.RLIMIT_CPU, int(processor_seconds) + 1)
    _set(resource.RLIMIT_FSIZE, 0)
    if not (threads and sys.platform == "linux"):
        # of threads too on Linux, where the filter tells the two apart
        _set(resource.RLIMIT_NPROC, 0)
    _set(resource.RLIMIT_CORE, 0)


def _set(which: int, value: int) -> None:
    """Lower a limit for good. A lower one that is there stays; a system without this limit goes without it."""
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(which, (value, value))


def _landlock(libc: ctypes.CDLL) -> bool:
    """Take every right that Landlock knows, without an exception. Returns whether the system has it."""
    call = libc.syscall
    call.restype = ctypes.c_long
    version = call(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION)
    if version < 1:
        return False
    files = max(rights for since, rights in FILE_RIGHTS.items() if since <= version)
    # struct landlock_ruleset_attr; an older system takes a shorter one
    handled = [(1 << files) - 1, TCP_RIGHTS, SCOPES][: 1 if version < 4 else 2 if version < 6 else 3]
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = call(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        return bool(call(LANDLOCK_RESTRICT_SELF, int(ruleset), 0) == 0)
    finally:
        os.close(ruleset)


def _seccomp(libc: ctypes.CDLL, *, threads: bool = False) -> bool:
    """Filter the system calls of this process. Returns whether the system does."""
    machine = platform.machine()
    if machine not in AUDIT_ARCH:
        return False
    program = _program(machine, threads=threads)
    instructions = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        """struct sock_fprog."""

        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    described = Program(len(program) // 8, ctypes.addressof(instructions))
    number = SECCOMP_CALL[list(AUDIT_ARCH).index(machine)]
    if libc.syscall(number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, ctypes.byref(described)) == 0:
        return True
    # before Linux 4.17
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0) == 0)


def _program(machine: str, *, threads: bool = False) -> bytes:
    """Return the filter: classic BPF over struct seccomp_data, which is number, architecture, address and arguments."""
    load, equal, has, give = 0x20, 0x15, 0x45, 0x06
    kill, refuse, allow = 0x80000000, 0x00050000 | errno.ENOSYS, 0x7FFF0000
    column = list(AUDIT_ARCH).index(machine)
    # a process may call by the numbers of another architecture, which mean other things
    lines = [(load, 0, 0, 4), (equal, 1, 0, AUDIT_ARCH[machine]), (give, 0, 0, kill), (load, 0, 0, 0)]
    for numbers in ALLOWED.values():
        lines += [(equal, 0, 1, numbers[column]), (give, 0, 0, allow)]
    for numbers in OWN_SIGNALS.values():
        lines += [
            (equal, 0, 4, numbers[column]),
            (load, 0, 0, 16),
            (equal, 0, 1, os.getpid()),
            (give, 0, 0, allow),
            (give, 0, 0, refuse),
        ]
    if threads:
        lines += [
            (equal, 0, 4, CLONE[column]),
            (load, 0, 0, 16),
            (has, 0, 1, CLONE_THREAD),
            (give, 0, 0, allow),
            (give, 0, 0, refuse),
        ]
    lines.append((give, 0, 0, refuse))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
