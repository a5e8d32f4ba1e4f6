"""Makes a call of the kernel fail in a process and all that it starts, by a seccomp filter (seccomp(2)), x86-64 only:

    start(preexec=deny("prctl", 36, errno.EPERM))
"""
import ctypes
import os
import platform
import struct

NUMBERS = {"prctl": 157, "inotify_add_watch": 254, "fallocate": 285, "eventfd2": 290}
POSSIBLE = platform.machine() == "x86_64" and os.geteuid() == 0
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16  # in struct seccomp_data
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


def deny(call, first_argument, error):
    """A preexec_fn. FIRST_ARGUMENT: only calls with it, None: all."""
    libc = ctypes.CDLL(None, use_errno=True)
    tests = [(NUMBER_AT, NUMBERS[call])] + ([] if first_argument is None else [(FIRST_ARGUMENT_AT, first_argument)])
    program, left = b"", 2 * len(tests)
    for offset, value in tests:
        left -= 2
        program += struct.pack("HBBI", LOAD, 0, 0, offset) + struct.pack("HBBI", JUMP_EQUAL, 0, left + 1, value)
    program += struct.pack("HBBI", RETURN, 0, 0, ERRNO | error) + struct.pack("HBBI", RETURN, 0, 0, ALLOW)
    kept = ctypes.create_string_buffer(program)
    pointer = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept)))

    def apply(kept=kept):  # the filter lives as long as this
        if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no seccomp filter")
    return apply
