# SPDX-License-Identifier: ISC
"""Random input of every kind; what it is to survive is said in the programs."""
import os
import random
import re

KIB = 1024


@test("fuzz/system-calls", 25)
def system_calls(t):
    """Random calls on four harts; then the system is as before: no process left, the audit clean, the disk whole."""
    done = t.guest("""(mkdir /root/f && cd /root/f && sysfuzz 25000 1 4 >&2 && sysfuzz -d /root -s 10000 2 4 >&2 &&
        cd /tmp && sysfuzz -s 10000 3 4 >&2 && mkdir /root/g && cd /root/g && sysfuzz -r 5000 4 4 >&2; s=$?; ps | wc -l; exit $s)""",
                   smp=4, mem=32)
    t.check(int(done.stdout) <= 6, f"{int(done.stdout)} lines of ps: some process is left")


def small_tree(t):
    """Files of every kind that a small disk has room for."""
    top, rng = t.path("tree"), random.Random(5)
    os.makedirs(os.path.join(top, "d/e"))
    for name, nbytes in ("small", 700), ("d/indirect", 40_000), ("d/e/long", 90_000):
        with open(os.path.join(top, name), "wb") as file:
            file.write(rng.randbytes(nbytes))
    with open(os.path.join(top, "holes"), "wb") as file:
        file.seek(300_000)
        file.write(b"behind a hole")
    os.symlink("small", os.path.join(top, "fast"))
    os.symlink("x" * 100, os.path.join(top, "slow"))
    os.link(os.path.join(top, "small"), os.path.join(top, "d/hard"))
    os.mkfifo(os.path.join(top, "fifo"))
    for i in range(40):
        open(os.path.join(top, f"d/e/entry-of-a-directory-{i:0100}"), "wb").close()
    return top


def scratch(number, path):
    """A disk whose flushes do not wait for this machine's own."""
    return [f"--qemu-arg={a}" for a in ("-drive", f"if=none,id=scratch{number},format=raw,cache=unsafe,file={path}",
                                        "-device", f"virtio-blk-device,drive=scratch{number},bus=virtio-mmio-bus.{number}")]


def images(t, block, rounds, timeout=200):
    disks = []
    for name in "pristine", "damaged":
        disks.append(t.path(name))
        with open(disks[-1], "wb") as file:
            file.truncate(400 * KIB if block == 1024 else 800 * KIB)
        t.run("mke2fs", "-q", "-F", "-t", "ext2", "-b", str(block), "-N", "80", "-d", small_tree(t) if name == "pristine" else t.path("tree"),
              disks[-1])
    done = t.guest(f"cd /tmp && ext2fuzz /dev/vdc /dev/vdd {rounds} {block}", smp=2, timeout=timeout,
                   args=scratch(2, disks[0]) + scratch(3, disks[1]))
    t.check(int(re.search(rb"ext2fuzz: (\d+) of", done.stdout)[1]) > rounds // 2, "hardly an image was mounted")


for block in 1024, 2048, 4096:
    @test(f"fuzz/images-{block}", 25)
    def fuzz_images(t, block=block):
        """Damaged images of a file system: mounted, walked, read, written and unmounted."""
        images(t, block, 670)

    @test(f"soak/images-{block}", 100)
    def soak_images(t, block=block):
        images(t, block, 10000, timeout=900)


@test("fuzz/programs", 15)
def programs(t):
    """Five thousand programs with damaged headers."""
    t.guest("cd /root && elftest 5000 7", smp=2, timeout=100)


@test("soak/system-calls", 100)
def soak_calls(t):
    """The same calls as fuzz/system-calls, a million of them, where memory is short, too."""
    for mem, seed in (64, 11), (20, 12):
        done = t.guest(f"""(mkdir /root/f && cd /root/f && sysfuzz 300000 {seed} 8 >&2 && cd /tmp && sysfuzz -s 150000 {seed} 8 >&2 &&
            cd /root && sysfuzz -d /root -r 50000 {seed} 4 >&2; s=$?; ps | wc -l; exit $s)""", smp=4, mem=mem, timeout=900)
        t.check(int(done.stdout) <= 6, f"{int(done.stdout)} lines of ps: some process is left")


@test("soak/programs", 100)
def soak_programs(t):
    """The same as fuzz/programs, where memory is short and swap is used."""
    t.guest("cd /root && elftest 50000 8 && cd /tmp && elftest 50000 9", smp=4, mem=20, timeout=900)
