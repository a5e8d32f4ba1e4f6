"""Execs a command with listening sockets as a service manager hands them over:
activate.py NAME=FD... -- COMMAND [ARGUMENT...]"""
import os
import sys


def main(arguments):
    split = arguments.index("--")
    sockets = [word.partition("=") for word in arguments[:split]]
    kept = [os.dup(int(fd)) for _, _, fd in sockets]  # out of the way of those that are put in place
    spare = max([64, *kept]) + 1
    for place, fd in enumerate(kept):
        os.dup2(fd, spare + place)
    for place in range(len(kept)):
        os.dup2(spare + place, 3 + place)
        os.set_inheritable(3 + place, True)
    environment = {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(sockets)),
                   "LISTEN_FDNAMES": ":".join(name for name, _, _ in sockets)}
    os.execvpe(arguments[split + 1], arguments[split + 1:], environment)


main(sys.argv[1:])
