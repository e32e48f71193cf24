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
    terminal.type("echo begin; cat\r")
    terminal.expect(r"^begin\r?$")
    terminal.type("some lime\x7f\x7fne\r")
    terminal.expect(r"^some lime\x08 \x08\x08 \x08ne\r?$")
    terminal.expect(r"^some line\r?$")
    terminal.type("\x04")
    terminal.expect(r"[#$] $")
    terminal.type("exit 7\r")
    terminal.end(7)


@session("console/line")
def line(terminal):
    """The shell's own editing of a line: cursor, cutting, history, search, names completed."""
    up, left, home, end, delete = "\x1b[A", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[3~"
    for keys, answer in (("echo on\x7ff-and-ox\x7fn\r", "of-and-on"),
                         (f"cho wrld{left}{left}{left}o{home}e{end}!\r", "world!"),
                         (f"{up}{up}\r", "of-and-on"),
                         ("echo one two\x17\x17three \x19\r", "three one"),
                         (f"\x12worl\r", "world!"),
                         ("ec\tin a word: $((6*\x167))\x02\x02\r", "in a word: 42"),
                         ("echo /etc/pass\t\r", "/etc/passwd"),
                         (f"echo abXcd{left}{left}{left}{delete}{end}\r", "abcd"),
                         ("echo \u00e4\u00f6\x7f\u00fc\r", "\u00e4\u00fc")):
        terminal.type(keys)
        terminal.expect(rf"^{re.escape(answer)} ?\r?$")
        terminal.expect(r"[#$] $")
    terminal.type("x=a PS1='<$x$((1+1))> ' PS2='$x: '\r")
    terminal.expect(r"^<a2> $")
    terminal.type("x=b; echo '\r")
    terminal.expect(r"^a: $")
    terminal.type("';PS1='${x?gone}$ '; unset x\r")
    terminal.expect(r"gone\r?\n(.|\n)*\$\{x\?gone\}\$ $")
    terminal.type("PS1='# '\r")
    terminal.expect(r"^# $")
    terminal.type("echo 'alias now=\"echo sourced\"' >/tmp/env; echo now | ENV=/tmp/env sh -i 2>/dev/null\r")
    terminal.expect(r"^sourced\r?\n# $")
    terminal.type("half a line\x03")
    terminal.expect(r"\^C\r?\n[#$] $")
    terminal.type("history 9\r")
    terminal.expect(r"^ +\d+  echo abcd\r?$")
    terminal.expect(r"[#$] $")
    terminal.type("\x04")
    terminal.end(0)


@session("console/jobs")
def jobs(terminal):
    """Job control: stop, list, go on behind and in front, and the kernel's rules for the terminal."""
    terminal.type("sh -c 'echo begin; exec sleep 1000' | cat\r")
    terminal.expect(r"^begin\r?$")
    terminal.type("\x1a")
    terminal.expect(r"\[1\]\+ Stopped +sh -c 'echo begin; exec sleep 1000' \| cat")
    terminal.expect(r"[#$] $")
    terminal.type("cat & sleep 0.3\r")
    terminal.expect(r"\[2\]\+ Stopped +cat")  # it read from behind: SIGTTIN
    terminal.expect(r"[#$] $")
    terminal.type("bg %1; jobs\r")
    terminal.expect(r"\[1\]- Running +sh -c .* \| cat &")
    terminal.expect(r"[#$] $")
    terminal.type("exit\r")
    terminal.expect("there are stopped jobs")
    terminal.expect(r"[#$] $")
    terminal.type("fg %2\r")
    terminal.expect(r"^cat\r?$")
    terminal.type("words\r")
    terminal.expect(r"^words\r?$")
    terminal.expect(r"^words\r?$")
    terminal.type("\x04")
    terminal.expect(r"[#$] $")
    terminal.type("kill %1; wait %1; echo status $?\r")
    terminal.expect(r"^status 143\r?$")
    terminal.expect(r"[#$] $")
    terminal.type("exit 3\r")
    terminal.end(3)


@session("console/less")
def less(terminal):
    """A pipe's lines a screen at a time: forwards, to the end, searched, and back to the shell."""
    terminal.type("seq 1 5000 | less\r")
    terminal.expect(r"H1\x1b\[K")
    terminal.expect(r"^:")
    terminal.type("G")
    terminal.expect(r"^5000\x1b\[K")
    terminal.expect(r"END")
    terminal.type("?^77.$\r")
    terminal.expect(r"\x1b\[7m779\x1b\[m\x1b\[K")
    terminal.expect(r"^:")
    terminal.type("n=")
    terminal.expect(r"line 778/5000")
    terminal.type("q")
    terminal.expect(r"[#$] $")
    terminal.type("\x04")
    terminal.end(0)


@session("console/edit")
def edit(terminal):
    """The editor: typed, cut, pasted, searched, written; what the file holds then."""
    terminal.type("seq 1 100 >/tmp/f; edit /tmp/f\r")
    terminal.expect(r"/tmp/f\x1b\[K")
    terminal.expect(r"\^G help")
    terminal.type("\x17^50$\r")               # to line 50
    terminal.type("\x0b\x0b\x1b[6~\x15")       # cut 50 and 51, paste further below
    terminal.type("new \u00e4\u00f6\x7f line\r\x17^99\rx\x1b[3~")
    terminal.type("\x0f\r")
    terminal.expect(r"101 lines written")
    terminal.type("junk\x18n")
    terminal.expect(r"[#$] $")
    terminal.type("cat /tmp/f | tr '\\n' ' '; echo end\r")
    numbers = [str(n) for n in range(1, 101) if n not in (50, 51)]
    at = numbers.index("52") + 21  # a screen of 22 lines less one
    numbers[at:at] = ["50", "51", "new \u00e4 line"]
    numbers[numbers.index("99")] = "x9"
    terminal.expect(re.escape(" ".join(numbers)) + " end")
    terminal.expect(r"[#$] $")
    terminal.type("\x04")
    terminal.end(0)


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


@session("console/paste")
def paste(terminal):
    """More lines at once than the terminal holds: each arrives whole."""
    terminal.type("sleep 2\r" + f"echo {'x' * 40} >>/tmp/pasted\r" * 300)
    terminal.type("wc /tmp/pasted\r")
    terminal.expect(r" 300 +300 +12300 /tmp/pasted\r?$")
    terminal.expect(r"[#$] $")
    terminal.type("exit\r")
    terminal.end(0)


@test("console/early")
def early(t):
    """What is typed while the machine starts is there when the shell is."""
    terminal = Terminal(t)
    try:
        terminal.expect(r"OpenSBI")
        terminal.type("exit 9\r")
        terminal.end(9)
    finally:
        terminal.close()
