# SPDX-License-Identifier: ISC
"""The interactive console, driven through a terminal as a person would."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time


class Terminal:
    """A `quire run` on a terminal of its own."""

    def __init__(self, t, *args):
        self.t = t
        self.seen = b""
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.resize(24, 80)
        self.process = subprocess.Popen(
            [os.path.join(t.top, "quire"), "run", "--kernel", t.built("debug/kernel.elf"), "--timeout", "60", *args],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True)

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern, seconds=30):
        """Waits until what was not yet matched has the pattern."""
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern.encode(), self.seen, re.M)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise Failed(f"the console did not show {pattern!r} in {seconds} s")
            chunk = os.read(self.master, 65536)
            self.t.log(chunk.decode("utf-8", "replace").rstrip())
            self.seen += chunk
        self.seen = self.seen[match.end():]

    def end(self, status):
        self.t.equal(self.process.wait(timeout=20), status, "exit status")
        self.t.equal(termios.tcgetattr(self.slave), self.before, "settings of the terminal afterwards")

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def session(name, weight=15):
    def wrap(function):
        @test(name, weight)
        def run(t):
            terminal = Terminal(t)
            try:
                terminal.expect(r"throw-away")
                terminal.expect(r"[#$] $")
                function(terminal)
            finally:
                terminal.close()
        return function
    return wrap


@session("console/editing")
def editing(terminal):
    """Canonical mode: echo, erase, end of file; the shell's status is the machine's."""
    terminal.type("echo on\x7ff-and-ox\x7fn\r")
    terminal.expect(r"^of-and-on\r?$")
    terminal.expect(r"[#$] $")
    terminal.type("cat\rsome line\r")
    terminal.expect(r"^some line\r?$")
    terminal.expect(r"^some line\r?$")
    terminal.type("\x04")
    terminal.expect(r"[#$] $")
    terminal.type("exit 7\r")
    terminal.end(7)


@session("console/interrupt")
def interrupt(terminal):
    """^C ends the command and not the shell, nor the front end."""
    terminal.type("sleep 1000\r")
    time.sleep(1)
    terminal.type("\x03")
    terminal.expect(r"[#$] $")
    terminal.type("echo status $?\r")
    terminal.expect(r"^status 130\r?$")
    terminal.expect(r"[#$] $")
    terminal.type("\x04")
    terminal.end(0)


@session("console/leave")
def leave(terminal):
    """^A x leaves QEMU."""
    terminal.type("\x01x")
    terminal.end(0)


@session("console/window")
def window(terminal):
    """The guest's terminal has the size of ours, also after that has changed."""
    terminal.type("stty size\r")
    terminal.expect(r"^24 80\r?$")
    terminal.expect(r"[#$] $")
    terminal.resize(43, 132)
    terminal.process.send_signal(signal.SIGWINCH)  # it is not our foreground group
    time.sleep(1)
    terminal.type("stty size\r")
    terminal.expect(r"^43 132\r?$")
    terminal.expect(r"[#$] $")
    terminal.type("exit\r")
    terminal.end(0)
