# SPDX-License-Identifier: ISC
"""Disks that fail: QEMU's blkdebug below one more disk, which the guest calls /dev/vdb."""
import os


def failing(path, event, blocks):
    """The disk at `path`, on which reads or writes of these blocks of 4 KiB fail; None: every one of them."""
    drive = f"if=none,id=bad,driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={path}"
    for i, block in enumerate(blocks or [None]):
        rule = f"file.inject-error.{i}"
        drive += f",{rule}.event={event}_aio,{rule}.iotype={event},{rule}.errno=5"
        drive += "" if block is None else f",{rule}.sector={8 * block}"
    device = "virtio-blk-device,drive=bad,bus=virtio-mmio-bus.5,rerror=report,werror=report"
    return [f"--qemu-arg={arg}" for arg in ("-drive", drive, "-device", device)]


def swap_disk(t):
    path = t.path("swap.img")
    with open(path, "wb") as file:
        file.truncate(64 << 20)
    os.chmod(path, 0o600)
    t.run("mkswap", path)
    return path


def file_system(t):
    """A disk with a file of 200 pages; and the block of its page 100."""
    path = t.path("fs.img")
    t.run("mke2fs", "-q", "-b", "4096", path, "64M")
    t.guest("mount -t ext2 /dev/vdc /mnt && iotest make /mnt/f 200 && umount /mnt", args=["--disk", path], audit=False)
    return path, int(t.run("debugfs", "-R", "bmap /f 100", path).stdout)


@test("ioerrors/swap-read", 15)
def swap_read(t):
    """Of a cluster that cannot be read only the pages on the bad blocks are lost, and who needs one gets SIGBUS."""
    for kind in "swap", "shm":
        script = f"swapon /dev/vdb && iotest {kind} 40 /dev/vdb && swaptest 12 >&2; echo status $?; swapoff /dev/vdb; echo swapoff $?"
        done = t.guest(script, swap="none", smp=2, args=failing(swap_disk(t), "read", (500, 501, 1500, 2000)))
        lines = done.stdout.split()
        t.equal(lines[0::2], [b"right", b"lost", b"right", b"lost", b"status", b"swapoff"], "stdout")
        right, lost, right2, lost2, status, off = map(int, lines[1::2])
        t.check(1 <= lost <= 4 and right + lost == 10240 and lost2 <= lost and right2 + lost2 == 2560, lines)
        t.equal((status, off), (0, 0), "status of the program, and of swapoff after it")


@test("ioerrors/swap-write", 15)
def swap_write(t):
    """A slot that cannot be written is not used again, its page stays."""
    script = """swapon /dev/vdb && iotest swap 40 && swaptest 20 >&2; echo status $?
while read name type size used priority; do echo size $size; done </proc/swaps
swapoff /dev/vdb; echo swapoff $?"""
    done = t.guest(script, swap="none", smp=2, args=failing(swap_disk(t), "write", (500, 501, 1500, 2000)))
    lines = done.stdout.splitlines()
    t.equal(lines[:4] + lines[5:], [b"right 10240", b"lost 0", b"status 0", b"size Size", b"swapoff 0"], "stdout")
    t.check(65516 <= int(lines[4].split()[1]) < 65532, "the slots that cannot be written, and no others, are used no more")


@test("ioerrors/swap-dead", 20)
def swap_dead(t):
    """A swap disk that takes no write at all: as without one."""
    script = "swapon /dev/vdb; iotest swap 40; echo status $?; swapoff /dev/vdb; echo swapoff $?"
    done = t.guest(script, swap="none", args=failing(swap_disk(t), "write", None))
    t.equal(done.stdout.splitlines(), [b"status 137", b"swapoff 0"], "stdout")


@test("ioerrors/file-read", 10)
def file_read(t):
    """One block cannot be read: EIO and SIGBUS for that page, right bytes for its neighbours."""
    path, block = file_system(t)
    t.guest("mount -t ext2 /dev/vdb /mnt && iotest read /mnt/f 100 && umount /mnt", swap="none",
            args=failing(path, "read", (block,)))


@test("ioerrors/file-write", 10)
def file_write(t):
    """One block cannot be written: each open file and each mapping is told once."""
    path, block = file_system(t)
    t.guest("mount -t ext2 /dev/vdb /mnt && iotest file /mnt/f 100 && umount /mnt", swap="none",
            args=failing(path, "write", (block,)))
    t.fsck(path)
