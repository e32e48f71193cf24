# SPDX-License-Identifier: ISC
"""Address spaces: where things lie in them, and what is promised."""
import re

PLACES = "for i in 1 2 3 4; do cat /proc/self/maps; done"


def stacks(done):
    return re.findall(rb"^(\w+)-.*\[stack\]$", done.stdout, re.M)


@test("spaces/random", 4)
def random_bases(t):
    """Bases differ from program to program, and `norandmaps` fixes them."""
    found = stacks(t.guest(PLACES))
    t.check(len(found) == 4 and len(set(found)) >= 3, f"stacks at {found}")
    found = stacks(t.guest(PLACES, args=["--append", "norandmaps"]))
    t.check(len(found) == 4 and len(set(found)) == 1, f"stacks at {found} with norandmaps")
    found = stacks(t.guest("echo 0 >/proc/sys/kernel/randomize_va_space; " + PLACES))
    t.check(len(found) == 4 and len(set(found)) == 1, f"stacks at {found}, turned off")


@test("spaces/overcommit", 3)
def overcommit(t):
    t.guest("committest", swap="64M")


LINUX = ("nr_free_pages nr_file_pages nr_anon_pages nr_shmem nr_dirty nr_writeback nr_page_table_pages pgfault pgmajfault "
         "pgpgin pgpgout pswpin pswpout pgalloc_normal pgfree allocstall_normal oom_kill swap_ra swap_ra_hit "
         "pgsteal_anon pgsteal_file pglazyfree pglazyfreed")
OURS = ("cow_copies cow_reuses zero_maps fault_around node_shares node_copies shootdowns fences_sent "
        "lock_family_taken lock_family_waited")


@test("spaces/vmstat", 2)
def vmstat(t):
    """The names that /proc/vmstat has, Linux's and ours; those of this workload count."""
    done = t.guest("cowtest >&2; advisetest >&2; cat /proc/vmstat")
    counts = dict(re.findall(rb"^(\w+) (\d+)$", done.stdout, re.M))
    for name in (LINUX + " " + OURS).split():
        t.check(name.encode() in counts, f"/proc/vmstat has no {name}")
    for name in "pgfault pglazyfree cow_copies zero_maps node_shares node_copies shootdowns lock_family_taken".split():
        t.check(int(counts[name.encode()]) > 0, f"{name} is 0")


@test("spaces/full", 6)
def full(t):
    """Stores through mappings into full file systems: a tmpfs, an ext2 disk."""
    t.guest("""mkdir -p /tmp/small && mount -t tmpfs -o size=256k none /tmp/small && fulltest /tmp/small && umount /tmp/small""")
    image = t.path("disk")
    with open(image, "wb") as file:
        file.truncate(2 << 20)
    t.run("mke2fs", "-q", "-F", "-t", "ext2", "-E", "root_owner=0:0", image)
    t.guest("mount -t ext2 /dev/vdc /mnt && fulltest /mnt && umount /mnt", args=["--disk", image])
    t.fsck(image)


@test("spaces/shared-swap", 10)
def shared_swap(t):
    """Files of tmpfs, twice the memory in all, are whole after they were in swap."""
    t.guest("""mkdir -p /tmp/big && mount -t tmpfs -o size=64m none /tmp/big && cd /tmp/big || exit 1
for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=f$i bs=1M count=4 2>/dev/null; sha256sum f$i >>sums; done
for round in 1 2; do sha256sum f1 f2 f3 f4 f5 f6 f7 f8 | cmp - sums || exit 1; done
cd /; umount /tmp/big""", mem=16, smp=2, swap="64M")


@test("spaces/locked", 6)
def locked(t):
    """Locked pages stay, whatever else wants memory."""
    t.guest("locktest 20", mem=16, smp=2)
