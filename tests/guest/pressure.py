# SPDX-License-Identifier: ISC
"""Memory pressure: what is read and written when not everything fits, and what is left when nothing does."""
import json
import re

MIB = 1 << 20

# disk NAME: its reads, sectors read, writes, sectors written so far
TOOLS = """disk() { grep " $1 " /proc/diskstats | while read a b c r x s y w z t rest; do echo $r $s $w $t; done; }
stat() { grep "^$1 " /proc/vmstat | while read name n; do echo $n; done; }
say() { echo "$1 $(disk vda)"; }
"""


def rows(text):
    """{name: numbers} of lines that are a name and numbers."""
    found = re.findall(rb"^([\w-]+)((?: \d+)+)$", text, re.M)
    return {name.decode(): [int(n) for n in numbers.split()] for name, numbers in found}


@test("pressure/readahead", 30)
def readahead(t):
    """Cold files come in few requests, random touches bring little else, and advice is taken."""
    script = TOOLS + """vmbench -d /bench -m 128 mkfiles && sync
for m in coldread coldmmap randmmap; do
    echo 3 >/proc/sys/vm/drop_caches
    say begin-$m; vmbench -d /bench -m 128 $m || exit 1; say end-$m
done"""
    done = t.guest(script, mem=128, kernel="release", timeout=150)
    at = rows(done.stdout)
    for metric, requests, mib in ("coldread", 300, 65), ("coldmmap", 300, 65), ("randmmap", 8192, 40):
        begin, end = at["begin-" + metric], at["end-" + metric]
        reads, read = end[0] - begin[0], (end[1] - begin[1]) * 512 / MIB
        t.log(f"{metric}: {reads} reads, {read:.1f} MiB")
        t.check(reads <= requests and read <= mib, f"{metric}: {reads} requests, {read:.1f} MiB")
        t.check(f"# {metric}: contents verified".encode() in done.stdout, f"{metric} is wrong")


@test("pressure/swap-io", 30)
def swap_io(t):
    """Sequential swapping moves clusters, random swapping single pages, and writes are long."""
    seen = {}
    for metric in "swapseq", "swapuni":
        stats = t.path("stats")
        t.guest(f"vmbench -m 32 {metric}", mem=32, swap="256M", kernel="release", args=["--stats", stats])
        with open(stats, encoding="ascii") as file:
            seen[metric] = d = json.load(file)["vdb"]
        t.log(f"{metric}: {d}")
        t.check(d["write_bytes"] >= 8 * 4096 * d["writes"], f"{metric}: short swap writes")
    t.check(seen["swapseq"]["read_bytes"] >= 16 * 4096 * seen["swapseq"]["reads"], "sequential reads are short")
    t.check(seen["swapuni"]["read_bytes"] <= 1.2 * 4096 * seen["swapuni"]["reads"], "random reads bring neighbours")
