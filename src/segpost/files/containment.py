"""What the process that reads an untrusted file gives up, where the system can take it.

Landlock and seccomp are features of Linux; `landlockpy` and `pyseccomp` (with libseccomp) are their
bindings, of the extra `sandbox`. A right that is given up never comes back to the process.
"""

from __future__ import annotations

import errno
import sys
from typing import Any

MAX_OPEN_FILES = 1024
IMPORT_MEMORY = 1 << 35  # bytes of addresses while a library is imported: TensorFlow takes 10 GiB

# Calls of the kernel that start programs, talk to others, or reach into them.
NETWORK_CALLS = ("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4")
PROCESS_CALLS = (
    *("fork", "vfork", "execve", "execveat", "kill", "tkill", "pidfd_open", "pidfd_send_signal"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "unshare", "setns", "mount", "umount2"),
    *("pivot_root", "chroot", "bpf", "io_uring_setup", "perf_event_open", "userfaultfd", "keyctl"),
    *("add_key", "request_key", "init_module", "finit_module", "kexec_load", "reboot", "swapon"),
)
# Those that change a file which is there; Landlock does not know them.
ATTRIBUTE_CALLS = (
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "utime", "utimes"),
    *("utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", "removexattr"),
    *("lremovexattr", "fremovexattr"),
)
CLONE_THREAD = 0x00010000
KINDS = ("files", "network", "processes")


def contain(scratch: str) -> tuple[str, ...]:
    """Give up the rights to change files, to use a network and to start processes.

    Parameters
    ----------
    scratch : str
        A folder in which files may be made all the same: TensorFlow cannot be imported without.

    Returns
    -------
    tuple of str
        Those of "files", "network" and "processes" that the process has given up; empty where
        the system or the bindings are missing.

    Notes
    -----
    Call it before a library starts threads: threads that exist keep their rights under Landlock.
    """
    seccomp = _load_seccomp()  # before files are out of reach: it looks for its library
    kinds: list[str] = []
    if _restrict_files(scratch):
        kinds.append("files")
    if seccomp is not None and _restrict_calls(seccomp):
        kinds += ["network", "processes"]
    return tuple(kinds)


def limit_resources(seconds: int, max_file_size: int) -> None:
    """Limit processor time, the size of files, open files, core dumps and addresses."""
    if sys.platform == "win32":
        raise OSError("Windows has no limits of resources")
    import resource

    for kind, limit in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, max_file_size),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_AS, IMPORT_MEMORY),
    ):
        hard = resource.getrlimit(kind)[1]
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (value, value))


def _restrict_files(scratch: str) -> bool:
    """Give up writing to all but /dev/null and a folder; tell whether that was possible."""
    try:
        import landlockpy as landlock
    except ImportError:
        return False
    rights = landlock.AccessFS
    reading = rights.READ_FILE | rights.READ_DIR | rights.EXECUTE
    try:
        if not landlock.supported():
            return False
        handled = landlock.fs_for_abi(landlock.abi_version()) & ~reading
        with landlock.Ruleset(
            handled_fs=handled,
            scoped=landlock.Scope.SIGNAL | landlock.Scope.ABSTRACT_UNIX_SOCKET,
        ) as rules:
            rules.allow_path("/dev/null", rights.WRITE_FILE)
            rules.allow_path(scratch, handled & ~rights.MAKE_SYM)
            rules.restrict()
    except (OSError, landlock.LandlockError):  # a container that refuses it
        return False
    return True


def _load_seccomp() -> Any:
    """Return the bindings of seccomp; None where they or their library are missing."""
    try:
        import pyseccomp  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except (ImportError, OSError, RuntimeError):
        return None
    return pyseccomp


def _restrict_calls(seccomp: Any) -> bool:
    """Let the kernel refuse calls that need no file; tell whether that was possible."""
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    refuse = seccomp.ERRNO(errno.EPERM)
    for name in (*NETWORK_CALLS, *PROCESS_CALLS, *ATTRIBUTE_CALLS):
        _add_rule(rules, refuse, name)
    # A new thread is allowed, a new process is not; clone3 hides which of both, so libc must not
    # use it.
    _add_rule(rules, seccomp.ERRNO(errno.ENOSYS), "clone3")
    thread = seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, 0)
    _add_rule(rules, refuse, "clone", thread)
    try:
        rules.load()
    except OSError:  # a kernel without seccomp
        return False
    return True


def _add_rule(rules: Any, action: int, name: str, *arguments: Any) -> None:
    """Add a rule for a call of the kernel, if this architecture has it."""
    try:
        rules.add_rule(action, name, *arguments)
    except (OSError, ValueError):
        return
