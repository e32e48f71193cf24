# SPDX-License-Identifier: ISC
"""What reaches the disks: swap traffic as QEMU counts it, files larger than memory, writeback without a sync."""
import json
import os
import signal
import subprocess
import time

MIB = 1 << 20


def slice_in(t, smp):
    """A file and then anonymous memory, both several times the machine's."""
    image, stats = t.image(), t.path("stats")
    done = t.guest("bigfile -d /root -k 256 && swaptest 128 && sha256sum /root/bigfile.dat",
                   mem=32, smp=smp, swap="256M", kernel="release", image=image, timeout=170, args=["--stats", stats])
    with open(stats, encoding="ascii") as file:
        disks = json.load(file)
    t.log(json.dumps(disks))
    # Of 128 MiB at most 32 fit: the rest goes out at least once, and comes back at least once.
    t.check(disks["vdb"]["write_bytes"] >= 96 * MIB, "too little was written to swap")
    t.check(disks["vdb"]["read_bytes"] >= 96 * MIB, "too little was read from swap")
    t.check(disks["vdb"]["write_bytes"] >= 16384 * disks["vdb"]["writes"], "swap is written a page at a time")
    t.check(disks["vda"]["write_bytes"] >= 256 * MIB, "the file was not written")
    t.check(disks["vda"]["flushes"] >= 1, "the root disk was not flushed")
    guest = done.stdout.split()[-2].decode()
    t.equal(t.sha256(t.file_of(image, "/root/bigfile.dat")), guest, "SHA-256 of the file in the image")


@test("paging/slice-1", 100)
def slice_one(t):
    slice_in(t, 1)


@test("paging/slice-4", 100)
def slice_four(t):
    slice_in(t, 4)


@test("paging/no-swap")
def no_swap(t):
    """Without swap the memory tests still run, and what does not fit is one process's problem."""
    t.guest("mmaptest && cowtest", mem=16, swap="none")


@test("paging/out-of-memory", 20)
def out_of_memory(t):
    """With RAM and swap exhausted one process is killed, and everything else goes on."""
    done = t.guest("swaptest 64; echo status $?; mmaptest >/dev/null && echo still here", mem=16, swap="16M")
    t.equal(done.stdout.splitlines()[-2:], [b"status 137", b"still here"], "the end of stdout")


@test("paging/swap-empty-after-exit")
def swap_freed(t):
    """Slots are freed at exit: the largest use fits again and again, and nothing is left."""
    done = t.guest("swaptest 40 && swaptest 40 && swaptest 40 && cat /proc/swaps", mem=16, swap="72M")
    row = done.stdout.splitlines()[-1].split()
    t.equal(row[0], b"/dev/vdb", "the swap area")
    t.check(int(row[3]) < 1024, f"{int(row[3])} KiB of swap still in use")


@test("writeback/unmapped", 30)
def unmapped(t):
    """A shared mapping is changed and unmapped; the power fails 5 s later, without any sync."""
    image = t.image()
    command = [os.path.join(t.top, "quire"), "run", "--kernel", t.built("debug/kernel.elf"), "--root", image, "--keep",
               "--mem", "32M", "--", "dirtymap /root/dirty 1"]
    with open(t.path("stderr"), "wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        try:
            said = process.stdout.readline()
            if said:
                time.sleep(5)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
    with open(t.path("stderr"), "rb") as stderr:
        t.record(said, stderr.read())
    t.check(said, "the program did not come so far")
    with open(t.path("dirty"), "wb") as file:
        file.write(t.file_of(image, "/root/dirty"))
    t.equal(os.path.getsize(t.path("dirty")), 1 * MIB, "size of the file")
    t.run(t.built("oracle/dirtymap"), "-c", t.path("dirty"))


REUSE = """cd /root
for n in 1 2 3 4 5; do
	head -c 3000000 /dev/urandom >/tmp/new
	cp /tmp/new first; rm first; echo x >shift$n; cp /tmp/new second; sync
	echo 3 >/proc/sys/vm/drop_caches
	cmp /tmp/new second || exit 1
	rm second
done"""


@test("writeback/reuse", 15)
def reuse(t):
    """Blocks of a removed file, its indirect ones too, become another file's data: nothing stale is written over it."""
    t.guest(REUSE, mem=64)


@test("writeback/exit")
def at_exit(t):
    """What a process leaves dirty when it exits is on the disk after the machine's own end."""
    image = t.image()
    t.guest("dirtymap /root/dirty 4 exit", mem=16, image=image)
    with open(t.path("dirty"), "wb") as file:
        file.write(t.file_of(image, "/root/dirty"))
    t.run(t.built("oracle/dirtymap"), "-c", t.path("dirty"))
