"""What an attacker's code tries in a process that it has taken over. Run as text, since nothing can be imported there.

`attempts` is what each attempt led to: an error's name, or what it got. Modules that it names are loaded already.
"""

from __future__ import annotations

ATTEMPTS = """
import ctypes, json, os, resource, sys
import _socket

def attempt(name, act):
    try:
        attempts[name] = "done: " + repr(act())[:100]
    except BaseException as error:
        attempts[name] = type(error).__name__

def read(path):
    return os.read(os.open(path, os.O_RDONLY), 100)

def write(path):
    return os.write(os.open(path, os.O_WRONLY | os.O_CREAT), b"x")

def fork_often():
    for _ in range(200):
        if os.fork() == 0:
            os._exit(0)

def run(program):
    try:
        child = os.fork()
    except OSError:
        os.execv(program, [program])
    if child == 0:
        try:
            os.execv(program, [program])
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise PermissionError(program)

def fill(take):
    kept = []
    while len(kept) < 8:
        kept.append(take(1 << 27))
    return len(kept)

def shared(size):
    # readable and writable, shared and anonymous
    if libc.mmap(None, ctypes.c_size_t(size), 3, 0x21, -1, ctypes.c_long(0)) in (None, ctypes.c_void_p(-1).value):
        raise MemoryError(size)

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p

attempts = {}
attempt("own secrets", lambda: [name for name in os.environ if name.startswith(("AWS", "LOOKALIKE"))])
attempt("parent's environment", lambda: read("/proc/%d/environ" % parent))
attempt("own environment", lambda: read("/proc/self/environ"))
attempt("parent's memory", lambda: read("/proc/%d/mem" % parent))
attempt("read a file", lambda: read(secret))
attempt("write a file", lambda: write(secret + ".written"))
attempt("list a folder", lambda: os.listdir("/"))
attempt("delete a file", lambda: os.unlink(secret))
attempt("open a socket", lambda: _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM))
attempt("open a local socket", lambda: _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM))
attempt("open a pipe", os.pipe)
attempt("fork", fork_often)
attempt("run a program", lambda: run("/bin/true"))
attempt("signal the parent", lambda: os.kill(parent, 0))
attempt("raise a limit", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
attempt("fill memory", lambda: fill(bytearray))
attempt("fill shared memory", lambda: fill(shared))
"""
"""Python text. It needs the names `parent`, a process, and `secret`, a path."""

HARMLESS = {
    "parent's environment",
    "own environment",
    "parent's memory",
    "read a file",
    "write a file",
    "list a folder",
    "delete a file",
    "open a socket",
    "open a local socket",
    "open a pipe",
    "fork",
    "run a program",
    "signal the parent",
    "raise a limit",
    "fill memory",
    "fill shared memory",
}
"""Attempts that end in an error where every layer of the confinement holds."""
