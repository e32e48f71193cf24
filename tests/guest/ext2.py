# SPDX-License-Identifier: ISC
"""ext2: block sizes, the host's tools as witnesses, full disks, large directories, power failures, damaged images."""
import os
import random
import re
import shutil
import struct

MIB = 1 << 20


def disk(t, name, nbytes, *options):
    """An image made by mke2fs; its path."""
    path = t.path(name)
    with open(path, "wb") as file:
        file.truncate(nbytes)
    t.run("mke2fs", "-q", "-F", "-t", "ext2", "-E", "root_owner=0:0", *options, path)
    return path


def on_disk(t, image, command, options="", status=0, **more):
    """Runs a command in /mnt, where the image is mounted; unmounts it, and has it checked."""
    script = f"(mount {options} -t ext2 /dev/vdc /mnt || exit 99\ncd /mnt\n({command})\ns=$?\ncd /\numount /mnt || exit 98\nexit $s)"
    done = t.guest(script, args=["--disk", image], status=status, **more)
    t.fsck(image)
    return done


def model(t, block, seeds):
    image = disk(t, "disk", 24 * MIB, "-b", str(block))
    on_disk(t, image, f"for s in {seeds}; do filemodel -s $s 12000 || exit 1; done", mem=16, smp=2)


@test("ext2/model-1024", 30)
def model_1024(t):
    model(t, 1024, "11 12 13")


@test("ext2/model-2048", 30)
def model_2048(t):
    model(t, 2048, "21 22 23")


@test("ext2/model-4096", 30)
def model_4096(t):
    model(t, 4096, "31 32 33")


def make_tree(t, top):
    rng = random.Random(7)
    for i in range(12):
        directory = os.path.join(top, f"dir {i}", "sub" * (i + 1))
        os.makedirs(directory)
        for k, nbytes in enumerate([0, 1, 60, 1023, 1024, 4097, 13 * 1024, 50_000, 300_000, 1_200_000][:10 - i % 3]):
            with open(os.path.join(directory, f"file-{k}"), "wb") as file:
                file.write(rng.randbytes(nbytes))
        os.symlink("short", os.path.join(directory, "fast"))
        os.symlink("long/" * 60, os.path.join(directory, "slow"))
    with open(os.path.join(top, "sparse"), "wb") as file:
        file.seek(20 * MIB)
        file.write(b"end")


def sums(t, top):
    """Lines as the guest's own sha256sum gives them."""
    lines = []
    for directory, _, files in os.walk(top):
        for name in files:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    lines.append(f"{t.sha256(file.read())}  ./{os.path.relpath(path, top)}")
    return sorted(lines)


def tree(t, block):
    """A tree that mke2fs put there is read in the guest; a copy made in the guest is read by debugfs."""
    os.mkdir(t.path("tree"))
    make_tree(t, t.path("tree"))
    image = disk(t, "disk", 96 * MIB, "-b", str(block), "-d", t.path("tree"))
    done = on_disk(t, image, "find . -type f -exec sha256sum '{}' ';'; mkdir copy; cp -r 'dir 1' 'dir 11' sparse copy/",
                   mem=32, smp=4)
    seen = sorted(line for line in done.stdout.decode().splitlines() if "lost+found" not in line)
    t.equal(seen, sums(t, t.path("tree")), "the guest's sums")
    os.mkdir(t.path("back"))
    t.run("debugfs", "-R", f"rdump /copy {t.path('back')}", image)
    for name in "dir 1", "dir 11", "sparse":
        t.run("diff", "-r", "--no-dereference", os.path.join(t.path("tree"), name), os.path.join(t.path("back"), "copy", name))


@test("ext2/tree-1024", 12)
def tree_1024(t):
    tree(t, 1024)


@test("ext2/tree-4096", 12)
def tree_4096(t):
    tree(t, 4096)


def free_blocks(t, image):
    found = re.search(rb"Free blocks:\s+(\d+)", t.run("dumpe2fs", "-h", image).stdout)
    return int(found[1])


@test("ext2/full", 12)
def full(t):
    """A full disk says so at the write, to the last block, every time; what was written before is whole."""
    for block in 1024, 4096:
        image = disk(t, f"disk{block}", 8 * MIB, "-b", str(block), "-m", "0")
        free = free_blocks(t, image)
        script = """
            head -c 100000 /dev/urandom >keep; s=$(sha256sum <keep)
            for i in 1 2 3; do
                cat /dev/zero >fill 2>err && exit 1
                df /mnt >/tmp/df; set -- $(tail -n 1 /tmp/df); [ "$4" = 0 ] || exit 2
                stat -c %s fill; rm fill err
            done
            cp keep a && cp keep b && [ "$s" = "$(sha256sum <b)" ] || exit 3
            echo full | cat - /dev/zero >fill 2>/dev/null; rm a
            cp keep a && cmp keep a || exit 4
            rm fill a b keep"""
        done = on_disk(t, image, script, mem=16, smp=4)
        sizes = [int(line) for line in done.stdout.split()]
        t.check(len(set(sizes)) == 1, f"it was full at different sizes: {sizes}")
        t.check(sizes[0] > (free - 110 - free // 100) * block, f"it was full at {sizes[0]} of {free * block} bytes")
        t.equal(free_blocks(t, image), free, "free blocks at the end")


@test("ext2/room", 15)
def room(t):
    """Nothing is taken for what was not written; a twentieth is kept for root; many look for names at the same time."""
    for block in 1024, 4096:
        image = disk(t, f"disk{block}", 16 * MIB, "-b", str(block), "-N", "4096")
        free = free_blocks(t, image)
        on_disk(t, image, "roomtest && roomtest kept", mem=32, smp=4)
        t.check(free - free_blocks(t, image) < 16, "blocks were lost")


MANY = """i=0; while [ $i -lt 400 ]; do echo "contents of $i" >f$i; i=$((i+1)); done"""


@test("ext2/many-files", 10)
def many_files(t):
    """New files of a block each go out side by side, few requests for all; one that cannot be written takes no other with it."""
    writes = """grep ' vdc ' /proc/diskstats | while read a b c r x s y w rest; do echo writes $w; done"""
    for block, most in (4096, 40), (1024, 120):
        image, bad = disk(t, f"disk{block}", 64 * MIB, "-b", str(block), "-N", "1024"), t.path(f"bad{block}")
        shutil.copy(image, bad)
        done = on_disk(t, image, f"sync; {writes}; {MANY}; sync; {writes}; echo 1 >/proc/sys/vm/drop_caches; cat f399", mem=64)
        begin, end = (int(n) for n in re.findall(rb"writes (\d+)", done.stdout))
        t.log(f"blocks of {block}: {end - begin} requests")
        t.check(done.stdout.endswith(b"contents of 399\n"), "the last file's contents")
        t.check(end - begin <= most, f"blocks of {block}: {end - begin} requests for 400 files")
        sector = int(t.run("debugfs", "-R", "bmap /f200 0", image).stdout) * block // 512
        drive = (f"if=none,id=bad,driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={bad},"
                 f"file.inject-error.0.event=write_aio,file.inject-error.0.iotype=write,file.inject-error.0.errno=5,"
                 f"file.inject-error.0.sector={sector}")
        device = "virtio-blk-device,drive=bad,bus=virtio-mmio-bus.5,rerror=report,werror=report"
        script = f"""mount -t ext2 /dev/vdb /mnt && cd /mnt && {MANY}; sync; echo 1 >/proc/sys/vm/drop_caches
i=0; while [ $i -lt 400 ]; do [ "$(cat f$i)" = "contents of $i" ] || echo lost $i; i=$((i+1)); done; cd /; umount /mnt"""
        done = t.guest(script, mem=64, swap="none", args=[f"--qemu-arg={arg}" for arg in ("-drive", drive, "-device", device)])
        lost = done.stdout.splitlines()
        # The bad block is given up, and then perhaps another file's.
        t.check(1 <= len(lost) <= 8, f"blocks of {block}: of 400 files these were lost: {lost}")
        t.fsck(bad)


@test("ext2/large", 10)
def large(t):
    """A sparse file beyond 4 GiB, with pointers of each depth; a directory of 50,000 entries."""
    image = disk(t, "disk", 64 * MIB, "-N", "60000")
    script = """
        for at in 0 11 12 1035 1036 1049611 1049612 1200000; do
            echo "at $at" | dd of=sparse bs=4096 seek=$at conv=notrunc 2>/dev/null || exit 1
        done
        sync; echo 3 >/proc/sys/vm/drop_caches
        for at in 0 11 12 1035 1036 1049611 1049612 1200000; do
            dd if=sparse bs=4096 skip=$at count=1 2>/dev/null | head -n 1
        done
        stat -c %s sparse; truncate -s 4299163649 sparse; truncate -s 9 sparse; dirtest 50000 >/dev/null || exit 2
        sync; df . | tail -n 1"""
    done = on_disk(t, image, script, mem=32, smp=1, timeout=90)
    lines = done.stdout.decode().splitlines()
    t.equal(lines[:8], [f"at {n}" for n in (0, 11, 12, 1035, 1036, 1049611, 1049612, 1200000)], "what the sparse file says")
    t.equal(lines[8], str(1200000 * 4096 + len("at 1200000\n")), "its size")


def check_owners(t, image, top):
    """After e2fsck each sector of each file is its own, or zeros. The number of those checked."""
    shutil.rmtree(top, ignore_errors=True)
    os.mkdir(top)
    t.run("debugfs", "-R", f"rdump /root/own {top}", image)
    listed = t.run("debugfs", "-R", "ls -l /root/own", image).stdout.decode()
    users = {line.split()[-1]: line.split()[3] for line in listed.splitlines() if len(line.split()) > 6}
    checked = 0
    for directory, _, files in os.walk(top):
        for name in files:
            owner = users[name]
            with open(os.path.join(directory, name), "rb") as file:
                data = file.read()
            for at in range(0, len(data), 512):
                sector = data[at:at + 512]
                if not sector.strip(b"\0"):
                    continue
                mine = f"OWNER {owner} SECTOR {at // 512}\n".encode()
                t.check(sector.startswith(mine[:len(sector)]),
                        f"{name} shows at {at}: {sector[:40]!r}, which is not its own")
                checked += 1
    return checked


def logged_writes(path):
    """The writes in a log of QEMU's blklogwrites, in order: pairs of a byte offset and data."""
    with open(path, "rb") as log:
        _, _, _, sector = struct.unpack("<QQQI", log.read(28))
        log.seek(sector)
        while len(head := log.read(32)) == 32:
            first, count, flags, _ = struct.unpack("<QQQQ", head)
            log.seek(sector - 32, os.SEEK_CUR)
            if count and not flags & 4:
                yield first * sector, log.read(count * sector)


def crash(t, block, seconds, points):
    """The disk as it was after each of some writes: what a power failure would have left."""
    image = disk(t, "disk", 5 * MIB, "-b", str(block), "-N", "128")
    shutil.copy(image, t.path("start"))
    node = (f"driver=blklogwrites,node-name=logged,file.driver=file,file.filename={image},"
            f"log.driver=file,log.filename={t.path('log')},log-append=off")
    with open(t.path("log"), "wb"):
        pass
    t.guest(f"mount -t ext2 /dev/vdc /mnt && mkdir /mnt/root /mnt/root/own && sync && "
            f"{{ ownertest -d /mnt/root/own {seconds} 10000& ownertest -d /mnt/root/own {seconds} 20000 && wait $! && umount /mnt; }}",
            mem=16, smp=2, args=["--qemu-arg=-blockdev", f"--qemu-arg={node}", "--qemu-arg=-device",
                                 "--qemu-arg=virtio-blk-device,drive=logged,bus=virtio-mmio-bus.2"])
    writes = list(logged_writes(t.path("log")))
    rng = random.Random(block)
    inodes = [n + 1 for n, (offset, _) in enumerate(writes[:-1]) if offset < 64 * 1024]  # a pointer may just have come before its data
    at = set(rng.sample(range(len(writes)), points // 3) + rng.sample(inodes, points - points // 3))
    checked = 0
    with open(t.path("start"), "r+b") as file:
        for n, (offset, data) in enumerate(writes):
            if n in at:
                file.flush()
                shutil.copy(t.path("start"), t.path("then"))
                t.run("e2fsck", "-fy", t.path("then"), status=None)
                t.fsck(t.path("then"))
                checked += check_owners(t, t.path("then"), t.path("own"))
            file.seek(offset)
            file.write(data)
    t.check(checked > 1000, f"only {checked} sectors were on disk: nothing was tried")


@test("ext2/crash-1024", 20)
def crash_1024(t):
    crash(t, 1024, 5, 60)


@test("ext2/crash-4096", 20)
def crash_4096(t):
    crash(t, 4096, 5, 60)


@test("ext2/features")
def features(t):
    """What Quire does not know is refused by name, or mounted read-only."""
    image = disk(t, "disk", 8 * MIB)
    t.run("debugfs", "-w", "-R", "feature +extent", image)
    done = t.guest("mount -t ext2 /dev/vdc /mnt 2>/dev/null; echo status $?", args=["--disk", image])
    t.check(b"ext2: vdc: has the feature extent" in done.stderr, "the feature is not named")
    t.check(b"status 0" not in done.stdout, "it was mounted")
    t.run("debugfs", "-w", "-R", "feature -extent +huge_file", image)
    done = t.guest("{ mount -t ext2 /dev/vdc /mnt && ls /mnt && >/mnt/x; } 2>/dev/null; echo status $?; grep vdc /proc/mounts",
                   args=["--disk", image])
    t.check(b"mounted read-only" in done.stderr, "nothing was said")
    t.check(b"lost+found" in done.stdout and b"status 0" not in done.stdout and b" ro" in done.stdout.splitlines()[-1],
            "it can be written")


@test("ext2/no-room")
def no_room(t):
    """Links as long as a block takes, and no longer; without a block, then without an inode, nothing is made by halves."""
    for block in 1024, 2048, 4096:
        image = disk(t, f"disk{block}", 2 * MIB, "-b", str(block), "-N", "64")
        lengths = 59, 60, min(block - 1, 4095)
        script = "".join(f"ln -s {'x' * n} l{n} || exit 1; readlink l{n} | wc -c\n" for n in lengths)
        if block < 4096:
            script += f"ln -s {'x' * block} long 2>/dev/null && exit 2\n"
        script += """mkdir d; df . | tail -n 1 >/tmp/before; cat /dev/zero >fill 2>/dev/null
            mkdir e 2>/dev/null && exit 3; ln -s """ + "x" * 100 + """ m 2>/dev/null && exit 4; ls | wc -l
            ln -s short s && >empty && mv empty d/empty || exit 5  # the first name in d has room
            rm s d/empty fill; df . | tail -n 1 | cmp - /tmp/before || exit 6
            i=0; while >d/$i; do i=$((i+1)); done 2>/dev/null; mkdir d/x 2>/dev/null && exit 7; rm -r d; mkdir d && rmdir d"""
        done = on_disk(t, image, script, smp=2)
        t.equal(done.stdout.split()[:3], [str(n + 1).encode() for n in lengths], "lengths of links")


@test("ext2/loops")
def loops(t):
    """A damaged image where directories lead to themselves, to what they lie in, or have two names: errors, and nothing waits for itself."""
    os.makedirs(t.path("tree/d/e/f"))
    os.makedirs(t.path("tree/g"))
    for name in "d/e/f/file", "g/once", "open":
        with open(t.path("tree/" + name), "w", encoding="ascii") as file:
            file.write("text")
    image = disk(t, "disk", 2 * MIB, "-d", t.path("tree"))
    for old, new in ("/d", "/d/e/up"), ("/d/e", "/d/e/self"), ("/", "/d/e/f/root"), ("/d/e/f", "/g/second"), ("/g/once", "/g/twice"):
        t.run("debugfs", "-w", "-R", f"ln {old} {new}", image)
    script = """mount -t ext2 /dev/vdc /mnt && cd /mnt || exit 1
        { rmdir d/e/up; rmdir d/e/self; mv d/e d/e/self; mv d/e/up d/e/x; mv d d/e/up; rmdir d/e/f/root; ls -R; mv d/e/f/root g; mkdir d/e/up/x
        rmdir g/second & rmdir d/e/f & mv g/second d/e & mv d/e/f g/second & wait
        rm -r d/e/self; cat g/once; rm g/once; cat g/twice; rm g/twice; >g/twice; rm -r g
        exec 3<open; rm open; exec 3<&-; } >/tmp/out 2>&1
        cd /; umount /mnt; echo end $?"""
    done = t.guest(script, args=["--disk", image], smp=2, timeout=20)
    t.equal(done.stdout, b"end 0\n", "output")
    t.check(b"a directory has two names" in done.stderr, "nothing was said")


@test("ext2/table-loop")
def table_loop(t):
    """A damaged image where a table of a file's blocks names itself: the file can be read and removed, and nothing waits for itself."""
    os.makedirs(t.path("tree"))
    with open(t.path("tree/file"), "wb") as file:
        file.write(b"x" * (13 * 4096))
    image = disk(t, "disk", 2 * MIB, "-b", "4096", "-d", t.path("tree"))
    number = int(re.search(rb"\(IND\):(\d+)", t.run("debugfs", "-R", "stat /file", image).stdout)[1])
    with open(image, "r+b") as file:
        file.seek(number * 4096)
        file.write(number.to_bytes(4, "little"))
    t.run("debugfs", "-w", "-R", f"sif /file block[DIND] {number}", image)
    t.run("debugfs", "-w", "-R", f"sif /file size {5 << 20}", image)
    done = t.guest("""mount -t ext2 /dev/vdc /mnt && cd /mnt || exit 1
        { cat file; >>file; truncate -s 4500000 file; sync; rm file; } >/tmp/out 2>&1; ls; cd /; umount /mnt; echo end $?""",
                   args=["--disk", image], smp=2, timeout=20)
    t.equal(done.stdout, b"lost+found\nend 0\n", "output")
    t.check(b"names itself" in done.stderr, "nothing was said")


@test("ext2/churn", 15)
def churn(t):
    """Several processes change the same few files, on disks too small for them; what they leave is clean."""
    for block, size in (1024, 1100), (4096, 1600):
        image = disk(t, f"disk{block}", size * 1024, "-b", str(block))
        on_disk(t, image, f"churn 250 {block} 6 keep && sync && churn 100 {block} 6", mem=20, smp=4, timeout=90)


@test("ext2/device")
def device(t):
    """A device and the file system on it are never seen one older than the other: written, mounted, changed, unmounted, read."""
    for block in 1024, 4096:
        one, two = (disk(t, f"{name}{block}", 2 * MIB, "-b", str(block), "-L", name) for name in ("one", "two"))
        done = t.guest("""sha256sum </dev/vdd >/dev/null   # all of it is cached now
            mount -t ext2 /dev/vdd /mnt && echo inside >/mnt/file && umount /mnt
            grep -c inside /dev/vdd; sha256sum </dev/vdd >/tmp/cached; echo 3 >/proc/sys/vm/drop_caches; sha256sum </dev/vdd | cmp - /tmp/cached
            dd if=/dev/zero of=/dev/vdd bs=64k count=32 2>/dev/null; mount -t ext2 /dev/vdd /mnt 2>/dev/null && echo mounted zeros
            dd if=/dev/vdc of=/dev/vdd bs=64k 2>/dev/null; mount -t ext2 /dev/vdd /mnt && ls /mnt && umount /mnt""",
                       args=["--disk", one, "--disk", two])
        t.equal(done.stdout, b"1\nlost+found\n", f"output with blocks of {block}")
        t.check(b"no ext2 file system" in done.stderr, "an old superblock was read")
        t.fsck(two)
