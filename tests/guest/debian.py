# SPDX-License-Identifier: ISC
"""Debian 13's busybox and bash, static and unmodified, in the guest: through scripts, whose output is compared with this
machine's, and at a terminal, as a person uses them. Skipped where they cannot be fetched."""
import os
import runpy
import shutil
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(HERE, "..", "scripts")
Terminal = runpy.run_path(os.path.join(HERE, "console.py"), {"test": lambda *_: lambda f: f, "Failed": Failed})["Terminal"]
lock = threading.Lock()  # tests run side by side, and the first one fetches


def image(t):
    """The root image with the two programs, made once for a build."""
    made, packages = t.built("debian.img"), t.built("debian")
    with lock:
        if not os.path.exists(packages):
            done = t.run(os.path.join(t.top, "mkfs/fetch-debian"), packages + ".new", status=None)
            if done.returncode == 3:
                raise Skipped(done.stderr.decode().strip())
            t.equal(done.returncode, 0, "exit status of fetch-debian")
            os.rename(packages + ".new", packages)
        sources = [t.built("root.img")] + [os.path.join(SCRIPTS, name) for name in os.listdir(SCRIPTS)]
        if not os.path.exists(made) or os.path.getmtime(made) < max(map(os.path.getmtime, sources)):
            extra = t.path("extra")
            os.makedirs(os.path.join(extra, "bin"))
            for name, where in ("busybox", "usr/bin/busybox"), ("bash", "usr/bin/bash-static"):
                shutil.copy(os.path.join(packages, where), os.path.join(extra, "bin", name))
            shutil.copytree(SCRIPTS, os.path.join(extra, "scripts"))
            programs = sorted(os.listdir(t.built("bin")))
            t.run(os.path.join(t.top, "mkfs/mkroot"), "-a", extra, made, *[t.built("bin/" + name) for name in programs])
    copy = t.path("debian.img")
    t.run("cp", "--sparse=always", made, copy)
    return copy


def compare(t, script, here, there, smp):
    there = ("mkdir /bb && busybox --install -s /bb && export PATH=/bb:/bin && mkdir /root/work && cd /root/work && "
             f"{there} /scripts/{script} 2>&1")
    work = t.path("work")
    os.mkdir(work)
    expected = t.run("sh", "-c", f"exec {here} {os.path.join(SCRIPTS, script)} 2>&1", cwd=work).stdout.decode()
    done = t.guest(there, image=image(t), mem=48, smp=smp, kernel="release")
    seen = done.stdout.decode()
    if seen != expected:
        for number, (a, b) in enumerate(zip(seen.splitlines() + [""], expected.splitlines() + [""]), 1):
            t.equal(a, b, f"line {number} of the output")
        raise Failed("the outputs are of different lengths")


@test("debian/bash", 40)
def bash(t):
    compare(t, "bash.sh", "bash", "bash", 2)


@test("debian/busybox", 30)
def busybox(t):
    compare(t, "posix.sh", "sh", "busybox sh", 1)


def prompt(terminal):
    terminal.expect(r"bash-5.2# ")


def say(terminal, text, pattern):
    terminal.type(text + "\r")
    terminal.expect(pattern)
    prompt(terminal)


@test("debian/interactive", 40)
def interactive(t):
    """Line editing, history, completion, jobs, full-screen programs."""
    terminal = Terminal(t, "--root", image(t), "--smp", "2")
    try:
        terminal.expect(r"[#$] $")
        terminal.type("exec bash\r")
        prompt(terminal)
        say(terminal, "echo one", r"^one\r?$")
        say(terminal, "\x1b[A\x1b[D\x1b[D\x7fO", r"^One\r?$")  # up, left, left, erase
        say(terminal, "cat /et\t/pass\t", r"^nobody:")
        terminal.type("echo lost")
        terminal.expect(r"echo lost$")
        time.sleep(0.5)  # ^C while readline is still busy with a key loses bash's prompt, on Linux too (4 times in 327 there)
        terminal.type("\x03")
        prompt(terminal)
        say(terminal, "stty size; busybox tty", r"^24 80\r?\n/dev/")
        terminal.type("sleep 100\r")
        time.sleep(1)
        terminal.type("\x1a")
        terminal.expect(r"Stopped")
        prompt(terminal)
        say(terminal, "jobs", r"^\[1\]\+ +Stopped")
        say(terminal, "bg", r"sleep 100 &")
        terminal.type("fg\r")
        terminal.expect(r"^sleep 100\r?$")
        time.sleep(0.5)
        terminal.type("\x03")
        prompt(terminal)
        terminal.type("cat &\r")
        prompt(terminal)
        time.sleep(0.5)
        say(terminal, "jobs", r"Stopped +cat")  # in the background it may not read the terminal
        terminal.type("fg\r")
        terminal.expect(r"^cat\r?$")
        terminal.type("to cat\r\x04")
        terminal.expect(r"^to cat\r?\nto cat\r?$")
        prompt(terminal)
        terminal.type("busybox vi /tmp/x\r")
        terminal.expect(r"/tmp/x.*1/1")
        terminal.type("ihello\x1b")
        time.sleep(0.5)
        terminal.type(":wq\r")
        prompt(terminal)
        say(terminal, "cat /tmp/x", r"^hello\r?$")
        terminal.type("busybox less /etc/passwd\r")
        terminal.expect(r"nobody:(.|\n)*/etc/passwd")
        terminal.type("q")
        prompt(terminal)
        terminal.type("read -s -p 'word: ' x; echo got $x\r")
        terminal.expect(r"^word: $")
        terminal.type("secret\r")
        terminal.expect(r"^got secret\r?$")
        prompt(terminal)
        terminal.type("busybox ash\r")
        terminal.expect(r"~ # ")
        terminal.type("echo a$((1+2))b\r")
        terminal.expect(r"^a3b\r?$")
        terminal.type("sleep 50\r")
        time.sleep(1)
        terminal.type("\x1a")
        terminal.expect(r"Stopped")
        terminal.type("fg\r")
        time.sleep(0.5)
        terminal.type("\x03")
        terminal.expect(r"~ # ")
        terminal.type("exit\r")
        prompt(terminal)
        terminal.type("busybox top -d 1\r")
        terminal.expect(r"Load average")
        terminal.expect(r"Load average")
        terminal.type("q")
        prompt(terminal)
        terminal.type("exit 3\r")
        terminal.end(3)
    finally:
        terminal.close()
