# SPDX-License-Identifier: ISC
"""Swap areas: mkswap's format on disks and partitions, priorities, turning them off, what is shared through swap."""
import os
import struct


def area(t, name, mib, more=()):
    path = t.path(name)
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    os.chmod(path, 0o600)
    t.run("mkswap", *more, path)
    return path


def patched(t, name, at, data, mib=16):
    """An area with other bytes at one place of its header."""
    path = area(t, name, mib)
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)
    return path


def disks(paths):
    return [arg for path in paths for arg in ("--disk", path)]


SECTORS = """written() { grep " $1 " /proc/diskstats | while read a b c r x s y w z t rest; do echo written $1 $t; done; }
"""


@test("swap/priorities", 20)
def priorities(t):
    """The areas of the highest priority share the writes, the next is used when they are full. Labels and UUIDs name areas."""
    uuid = "0F81D6A2-7f0c-4b1e-9d55-3c2a10e4b7aa"
    script = SECTORS + f"""cd /root; swapon -p 5 /dev/vdb LABEL=a-label && swapon -p 1 UUID={uuid}; tail -n +2 /proc/swaps >&2
swapon LABEL=none || swapon LABEL=a-label || swapoff UUID={uuid} && swapon -p 1 /dev/vdd
swaptest 20 >&2; for d in vdb vdc vdd; do written $d; done
swaptest 40 >&2; for d in vdb vdc vdd; do written $d; done; swapoff /dev/vdb LABEL=a-label UUID={uuid}; cat /proc/swaps"""
    done = t.guest(script, mem=16, swap="none", args=disks(
        [area(t, "b", 16), area(t, "c", 16, ("-L", "a-label")), area(t, "d", 64, ("-U", uuid))]))
    lines = done.stdout.decode().splitlines()
    counts = [int(line.split()[2]) for line in lines[:6]]
    t.log(f"sectors written: {counts}")
    t.check(0.8 < counts[0] / counts[1] < 1.25 and counts[2] == 0, "not in turns, or not first")
    t.check(0.7 < counts[3] / counts[4] < 1.4 and counts[5] > 8 * 8 * 256, "not in turns, or not used at last")
    t.equal(len(lines), 7, "lines; the last ones are an empty /proc/swaps")


@test("swap/refused", 10)
def refused(t):
    """What is no area, or is in use, is refused with the errno that says so."""
    short = struct.pack("<I", 5)
    cases = [("signature", patched(t, "b", 4086, b"SWAPSPACE9"), "Invalid argument"),
             ("64 KiB pages", patched(t, "c", 4086, bytes(10)), "Invalid argument"),
             ("version", patched(t, "d", 1024, struct.pack("<I", 2)), "Invalid argument"),
             ("too small", patched(t, "e", 1028, short), "Invalid argument"),
             ("larger than the disk", patched(t, "f", 1028, struct.pack("<I", 4096)), "Invalid argument")]
    with open(cases[1][1], "r+b") as file:
        file.seek(65526)
        file.write(b"SWAPSPACE2")
    script = "".join(f"swapon /dev/vd{'bcdef'[i]} 2>&1\n" for i in range(len(cases)))
    script += "swapon /dev/vda 2>&1; swapon /dev/zero 2>&1; swapon /nothing 2>&1; swapoff /dev/vdb 2>&1; cat /proc/swaps"
    done = t.guest(script, swap="none", args=disks(path for _, path, _ in cases))
    lines = done.stdout.decode().splitlines()
    wanted = [error for _, _, error in cases] + ["Device or resource busy", "Invalid argument",
                                                 "No such file or directory", "Invalid argument"]
    t.equal(len(lines), len(wanted) + 1, lines)
    for line, error in zip(lines, wanted):
        t.check(line.endswith(error), f"{line!r}, expected {error}")


@test("swap/bad-pages", 10)
def bad_pages(t):
    """The header's list of bad pages is honoured: no write goes there."""
    bad = list(range(100, 160)) + [1, 700, 4095]
    path = patched(t, "b", 1032, struct.pack("<I", len(bad)))
    with open(path, "r+b") as file:
        file.seek(1536)
        file.write(struct.pack(f"<{len(bad)}I", *bad))
        for page in bad:
            file.seek(4096 * page)
            file.write(b"untouched".ljust(4096, b"."))
    done = t.guest("swapon /dev/vdb; while read n t size rest; do echo $size; done </proc/swaps; swaptest 20 >&2", mem=16,
                   swap="none", args=disks([path]))
    t.equal(done.stdout.split(), [b"Size", str((4095 - len(bad)) * 4).encode()], "size")
    with open(path, "rb") as file:
        for page in bad:
            file.seek(4096 * page)
            t.check(file.read(9) == b"untouched", f"page {page} was written")


@test("swap/partitions", 15)
def partitions(t):
    """Areas on partitions of both kinds of table; a partition keeps its disk from being one, not its neighbour."""
    paths = []
    for name, label, kind in ("b", "dos", "82"), ("c", "gpt", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"):
        path = t.path(name)
        with open(path, "wb") as file:
            file.truncate(40 << 20)
        t.run("sfdisk", "-q", path, stdin=f"label: {label}\nstart=1MiB, size=16MiB, type={kind}\n"
              f"start=17MiB, size=16MiB, type={kind}\n".encode())
        whole = area(t, "area", 16)
        with open(path, "r+b") as disk, open(whole, "rb") as file:
            for mib in 1, 17:
                disk.seek(mib << 20)
                file.seek(0)
                disk.write(file.read(4096))
        paths.append(path)
    script = """swapon /dev/vdb1 && swapon /dev/vdc2 && swapon /dev/vdb2; swapon /dev/vdb 2>&1; swaptest 32 >&2; echo $?
while read name rest; do echo $name; done </proc/swaps; swapoff /dev/vdb1 /dev/vdb2 /dev/vdc2; echo $?
swapon /dev/vdc2; tail -n 1 /proc/swaps; swapoff -a"""
    done = t.guest(script, mem=16, smp=2, swap="none", args=disks(paths))
    lines = done.stdout.decode().splitlines()
    t.check(lines[0].endswith("Device or resource busy"), lines[0])
    t.equal(lines[1:-1], ["0", "Filename", "/dev/vdb1", "/dev/vdc2", "/dev/vdb2", "0"], "stdout")
    t.check(lines[-1].endswith("-2"), f"{lines[-1]}: priorities go ever lower")


@test("swap/off", 30)
def off(t):
    """An area is turned off and on under load; off is refused with ENOMEM when its pages fit nowhere, and loses nothing."""
    script = """cd /root; (swaptest 24 && swaptest 20; echo $? >/tmp/status) >&2 & n=0
until [ -s /tmp/status ]; do swapon /dev/vdc || echo on $?; swapoff /dev/vdc || echo off $?; n=$((n + 1)); done
wait; echo swaptest $(cat /tmp/status); [ $n -gt 5 ] || echo only $n times; iotest keep 24 /dev/vdb; swapoff -a; cat /proc/swaps"""
    done = t.guest(script, mem=16, smp=2, swap="64M", args=disks([area(t, "c", 64)]), timeout=200)
    t.equal(done.stdout.decode().splitlines()[:3], ["swaptest 0", "right 6144", "lost 0"], "stdout")


@test("swap/shared", 20)
def shared(t):
    """Pages shared after a fork stay so through swap: twenty children that read them read them from disk once."""
    done = t.guest("iotest shared 64 20", mem=100, smp=4, swap="128M", kernel="release")
    pages, reads = (int(line.split()[1]) for line in done.stdout.splitlines())
    t.log(f"{reads} pages read for {pages}")
    t.check(0.9 * pages <= reads <= 1.05 * pages, "not read about once")
