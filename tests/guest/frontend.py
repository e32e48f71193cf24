# SPDX-License-Identifier: ISC
"""The front end: a command in the guest is like a command here, and its failures are told apart."""
import hashlib
import os
import random
import re
import signal
import subprocess
import time


def quick(t, command, **options):
    """A command on the root image's throw-away copy, without audit and e2fsck."""
    return t.quire("--timeout", "60", "--", command, timeout=80, **options)


@test("frontend/binary-streams", 20)
def streams(t):
    """Bytes of all values pass both ways, however many, and the end of file with them."""
    data = random.Random(1).randbytes(3_000_003)
    done = quick(t, "cat | sha256sum", stdin=data)
    t.equal(done.stdout.split()[0].decode(), hashlib.sha256(data).hexdigest(), "the guest's SHA-256")
    done = quick(t, "cat; echo away >&2", stdin=data)
    t.check(done.stdout == data, f"stdout is not stdin: {len(done.stdout)} of {len(data)} bytes")
    t.check(b"away\n" in done.stderr, "stderr did not arrive")
    t.equal(quick(t, "cat").stdout, b"", "output for an empty stdin")


@test("frontend/slow-reader", 20)
def slow_reader(t):
    """A reader that pauses loses nothing; one that goes away is SIGPIPE, as for any command."""
    script = (f"{t.top}/quire run --kernel {t.built('debug/kernel.elf')} --timeout 80 -- 'seq 1 200000' "
              "| (sleep 4; sha256sum)")
    done = t.run("sh", "-c", script)
    expected = "".join(f"{n}\n" for n in range(1, 200001)).encode()
    t.equal(done.stdout.split()[0].decode(), hashlib.sha256(expected).hexdigest(), "SHA-256 of the output")
    script = (f"({t.top}/quire run --kernel {t.built('debug/kernel.elf')} --timeout 80 -- "
              "'seq 1 100000000; echo status $? >&2'; echo) | head -n 1")
    done = t.run("sh", "-c", script)
    t.equal(done.stdout, b"1\n", "the first line")
    t.check(b"status 141" in done.stderr, "the writer did not end by SIGPIPE")


@test("frontend/command-bytes")
def command_bytes(t):
    """The command arrives unchanged: quotes, newlines, other alphabets, 64 KiB."""
    text = "'\"$\\\t\n%,é世=quire.command="
    quoted = text.replace("'", "'\\''")
    done = quick(t, f"echo -n '{quoted}' | od -A n -t x1")
    t.equal(bytes.fromhex(done.stdout.decode()).decode(), text, "the echoed text")
    filler = "x" * (65536 - len("echo -n  | wc -c"))
    t.equal(quick(t, f"echo -n {filler} | wc -c").stdout.split(), [str(len(filler)).encode()], "length of the word")
    done = t.quire("--", f"echo -n {filler}x | wc -c", status=125)
    t.equal(done.stderr.count(b"\n"), 1, "lines of the error")


@test("frontend/statuses", 20)
def statuses(t):
    for command, status in [("exit 0", 0), ("exit 1", 1), ("exit 124", 124), ("false", 1), ("kill -9 $$", 137),
                            ("kill -15 $$", 143), ("exit 255", 255), ("no-such-program", 127), ("", 0),
                            ("echo panic: not really >/dev/console; exit 3", 3)]:
        quick(t, command, status=status)
    start = time.monotonic()
    done = t.quire("--timeout", "3", "--", "sleep 100", status=124)
    t.check(time.monotonic() - start < 10, "the timeout came late")
    t.check(b"quire: timeout" in done.stderr, "the timeout was not told")


@test("frontend/panic")
def panic(t):
    """A panic is 255 and says where it was: functions, files and lines."""
    for smp in "1", "4":
        done = t.quire("--smp", smp, "--timeout", "60", "--", "echo c > /proc/sysrq-trigger", status=255)
        report = done.stderr.rpartition(b"\npanic:")[2]
        t.check(report, "no line begins with panic:")
        t.check(b"kernel/" in report and b".c:" in report, "the backtrace has no source lines")
        t.check(re.search(rb"#0 .* store_sysrq.*#1 .* proc_write.* sys_write.*\(kernel/arch/trap_entry.S:", report, re.S),
                "the backtrace is not whole")
        t.check(b"  epc ffffffff" in report and b" s11 " in report, "no registers")


@test("frontend/errors")
def errors(t):
    """What cannot work gets one clear line and 125."""
    for args in (["--mem", "8M"], ["--mem", "much"], ["--smp", "0"], ["--swap", "-1"], ["--timeout", "soon"], ["--frob"],
                 ["--root", "/nonexistent"], ["--disk", "/nonexistent"], ["--append", "a quire.command=b"],
                 ["--kernel", "/nonexistent"], ["--kernel", "/etc/passwd"]):
        done = t.quire(*args, "--", "true", status=125)
        t.equal(done.stderr.count(b"\n"), 1, f"lines of the error about {args}")
        t.check(done.stderr.startswith(b"quire"), "the error does not say who speaks")
    done = t.run("/usr/bin/env", "PATH=/nonexistent", "/usr/bin/python3", os.path.join(t.top, "quire"), "run",
                 "--kernel", t.built("kernel.elf"), "--", "true", status=125)
    t.check(b"./setup" in done.stderr, "a missing QEMU does not lead to ./setup")


def program_of(pid):
    """The path of a process's program; nothing if it has ended: the front end's helpers come and go."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        return ""


@test("frontend/signals")
def signals(t):
    """Nothing of a run outlives the front end, however that ends."""
    for number, status in (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9):
        env = {**os.environ, "TMPDIR": t.path("tmp")}
        os.makedirs(t.path("tmp"), exist_ok=True)
        process = subprocess.Popen([os.path.join(t.top, "quire"), "run", "--kernel", t.built("kernel.elf"), "--",
                                    "sleep 1000"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        qemu = None
        for _ in range(100):
            children = open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii").read().split()
            qemu = next((child for child in children if "qemu" in program_of(child)), None)
            if qemu:
                break
            time.sleep(0.1)
        t.check(qemu, "QEMU did not start")
        time.sleep(0.5)
        process.send_signal(number)
        t.equal(process.wait(timeout=10), status, f"status after {number.name}")
        for _ in range(50):
            if not os.path.exists(f"/proc/{qemu}"):
                break
            time.sleep(0.1)
        t.check(not os.path.exists(f"/proc/{qemu}"), f"QEMU outlives {number.name}")
        t.equal(os.listdir(t.path("tmp")), [], f"temporary files after {number.name}")


@test("frontend/disks")
def disks(t):
    """Root, swap, then --disk; the root is thrown away unless kept; other disks are written."""
    image, disk = t.image(), t.path("disk")
    with open(disk, "wb") as file:
        file.write(b"first bytes".ljust(1 << 20, b"\0"))
    t.quire("--root", image, "--disk", disk, "--timeout", "60", "--",
            "head -c 11 /dev/vdc && echo -n other > /tmp/o && dd if=/tmp/o of=/dev/vdc bs=1 seek=512 conv=notrunc "
            "2>/dev/null && touch /root/thrown-away && sync")
    with open(disk, "rb") as file:
        t.equal(file.read()[512:517], b"other", "what the guest wrote to the disk")
    t.quire("--root", image, "--swap", "none", "--disk", disk, "--timeout", "60", "--",
            "ls /root/thrown-away 2>/dev/null && exit 1; head -c 5 /dev/vdb")
    t.quire("--root", image, "--keep", "--timeout", "60", "--", "echo kept > /root/kept")
    t.equal(t.file_of(image, "/root/kept"), b"kept\n", "the file on the kept image")
    t.fsck(image)


@test("frontend/icount")
def icount(t):
    """Time counts instructions, so it does not depend on this machine."""
    quick(t, "true")
    done = [t.quire("--icount", "--timeout", "90", "--", "vmbench null", timeout=100).stdout for _ in range(2)]
    values = [float(out.split()[1]) for out in done]
    t.check(abs(values[0] - values[1]) <= 0.01 * values[0], f"two runs differ: {values}")
