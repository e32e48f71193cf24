# SPDX-License-Identifier: ISC
"""Test programs about descriptors, terminals, identity and files, which this machine's system passes, too; mounts,
several disks and their partitions."""
import os
import struct
import zlib

PROGRAMS = "ttytest && eventtest && socktest && usagetest && permtest && nametest && cd /tmp && permtest && nametest && mount -t tmpfs -o nosuid,nodev none /mnt && cd /mnt && permtest"

for smp in 1, 4:
    @test(f"io/{smp}x32M", 20)
    def run(t, smp=smp):
        t.guest(PROGRAMS, mem=32, smp=smp)

for smp in 2, 4:
    @test(f"harts/{smp}", 10)
    def run(t, smp=smp):
        t.guest("harttest", mem=32, smp=smp)


MIB = 1 << 20

FAILS = """
fails() {
	if "$@" 2>/tmp/why; then
		echo "succeeded: $*"
		exit 1
	fi
}
because() {
	grep -q "$1" /tmp/why && return
	echo "wrong reason:"
	cat /tmp/why
	exit 1
}
"""

BUSY = """
mount -t ext2 -o noatime /dev/vdc /mnt || exit 1
grep -q '/dev/vdc /mnt ext2 rw,noatime' /proc/mounts || exit 1
echo text > /mnt/f
fails mount -t ext2 /dev/vdc /media
because busy
cd /mnt
fails umount /mnt
because busy
cd /
exec 3</mnt/f
fails umount /mnt
exec 3<&-
cp /bin/sleep /mnt/sleep
/mnt/sleep 1000 &
sleep 0.2
fails umount /mnt
because busy
mount -o remount,ro /mnt || exit 1
mount -o remount,rw /mnt || exit 1
kill $!
wait $! 2>/dev/null

exec 3>>/mnt/f
fails mount -o remount,ro /mnt
because busy
exec 3>&-
echo gone > /mnt/gone
exec 3</mnt/gone
rm /mnt/gone
fails mount -o remount,ro /mnt
because busy
exec 3<&-
mount -o remount,ro,noexec /mnt || exit 1
grep -q '/dev/vdc /mnt ext2 ro,noexec' /proc/mounts || exit 1
for command in 'touch /mnt/new' 'mkdir /mnt/new' 'rm /mnt/f' 'mv /mnt/f /mnt/g' 'ln /mnt/f /mnt/g' 'ln -s x /mnt/g' \\
	'chmod 600 /mnt/f' 'truncate -s 0 /mnt/f' 'mkfifo /mnt/p' 'cp /etc/group /mnt/f'
do
	fails $command
	because 'Read-only'
done
fails /mnt/sleep 0
because denied
cat /mnt/f >/dev/null || exit 1
mount -o remount,rw,nosuid,nodev /mnt || exit 1
/mnt/sleep 0 || exit 1
echo more >> /mnt/f
umount /mnt || exit 1
fails umount /mnt
mount -o ro LABEL=data /media || exit 1
fails touch /media/new
cmp /media/f - <<END || exit 1
text
more
END
umount /dev/vdc || exit 1
fails mount LABEL=other /media
because 'no file system'
fails mount -t none /dev/vdc /media
fails mount -t ext2 /dev/none /media
fails mount -t ext2 /dev/null /media
"""


def ext2(t, name, nbytes, label):
    path = t.path(name)
    with open(path, "wb") as file:
        file.truncate(nbytes)
    t.run("mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-L", label, path)
    return path


@test("io/mounts")
def mounts(t):
    disk = ext2(t, "data", 8 * MIB, "data")
    t.guest("mkdir -p /media\n" + FAILS + BUSY, args=["--disk", disk])
    t.fsck(disk)


def entry(kind, first, count):
    return struct.pack("<BBBBBBBBII", 0, 0, 0, 0, kind, 0, 0, 0, first, count)


def record(*entries):
    """A boot record: no code, up to four entries, the signature."""
    return bytes(446) + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


def put(disk, sector, data):
    with open(disk, "r+b") as file:
        file.seek(sector * 512)
        file.write(data)


def put_image(disk, sector, image):
    with open(image, "rb") as file:
        put(disk, sector, file.read())


def gpt(disk, nsectors, parts):
    """Both headers and tables, of partitions (first, last)."""
    entries = b"".join(bytes([number + 1] * 32) + struct.pack("<QQQ", first, last, 0) + bytes(72)
                       for number, (first, last) in enumerate(parts)).ljust(128 * 128, b"\0")

    def header(here, other, table):
        text = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, nsectors - 34,
                           bytes(range(16)), table, 128, 128, zlib.crc32(entries))
        return text[:16] + struct.pack("<I", zlib.crc32(text)) + text[20:]

    put(disk, 0, record(entry(0xee, 1, nsectors - 1)))
    put(disk, 1, header(1, nsectors - 1, 2))
    put(disk, 2, entries)
    put(disk, nsectors - 33, entries)
    put(disk, nsectors - 1, header(nsectors - 1, 1, nsectors - 33))


FSTAB = """# what to mount
/dev/vdb1 /data ext2 defaults,nosuid 0 2
UUID=%s /mnt auto ro 0 0

/dev/vdc2 /later ext2 noauto 0 0
/dev/vdb2 none swap sw 0 0
tmpfs /scratch tmpfs size=1m,mode=1777 0 0
"""


@test("io/partitions")
def partitions(t):
    """An MBR with a logical partition, a GPT whose first header is damaged; /etc/fstab mounts them, and swap."""
    small = [ext2(t, f"part{number}", 2 * MIB, f"part{number}") for number in range(4)]
    swap = t.path("swap")
    t.run(os.path.join(t.top, "mkfs/mkswapimg"), swap, str(4 * MIB))
    mbr, table = t.path("mbr"), t.path("gpt")
    for disk in mbr, table:
        with open(disk, "wb") as file:
            file.truncate(24 * MIB)
    put(mbr, 0, record(entry(0x83, 2048, 4096), entry(0x82, 6144, 8192), entry(5, 16384, 16384)))
    put(mbr, 16384, record(entry(0x83, 2048, 4096)))
    put_image(mbr, 2048, small[0])
    put_image(mbr, 6144, swap)
    put_image(mbr, 18432, small[1])
    gpt(table, 24 * MIB // 512, [(2048, 6143), (8192, 12287)])
    put(table, 1, b"damaged")
    put_image(table, 2048, small[2])
    put_image(table, 8192, small[3])
    with open(small[2], "rb") as file:
        sb = file.read(2048)[1024:]
    uuid = sb[104:120].hex()
    uuid = "-".join([uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]])
    image = t.image()
    with open(t.path("fstab"), "w", encoding="ascii") as file:
        file.write(FSTAB % uuid)
    t.run(os.path.join(t.top, "quire"), "cp", t.path("fstab"), f"{image}:/etc/fstab")
    t.guest("mkdir /data /later /scratch", image=image, swap="none")
    done = t.guest(FAILS + """
grep vd /proc/partitions
cat /proc/mounts /proc/swaps
echo one > /data/one || exit 1
fails touch /mnt/x
mount /later && echo two > /later/two || exit 1
echo x > /scratch/x || exit 1
mkdir /five && mount /dev/vdb5 /five && echo five > /five/five || exit 1
fails mount -t ext2 /dev/vdb6 /root
fails mount -t ext2 /dev/vdb3 /root
""", image=image, swap="none", args=["--disk", mbr, "--disk", table])
    shown = done.stdout.decode()
    for line in ("vdb1", "vdb2", "vdb5", "vdc1", "vdc2", "/dev/vdb1 /data ext2 rw,nosuid", "/dev/vdc1 /mnt ext2 ro",
                 "tmpfs /scratch tmpfs rw,size=1m,mode=1777", "/dev/vdb2 partition"):
        t.check(line in " ".join(shown.split(" ")).replace("\t", " ") or line in " ".join(shown.split()),
                f"{line} is not there")
    for disk, sector, name in (mbr, 2048, "one"), (table, 8192, "two"), (mbr, 18432, "five"):
        with open(disk, "rb") as file:
            file.seek(sector * 512)
            data = file.read(2 * MIB)
        path = t.path("out")
        with open(path, "wb") as file:
            file.write(data)
        t.fsck(path)
        t.equal(t.file_of(path, "/" + name), name.encode() + b"\n", f"the file in {name}")
