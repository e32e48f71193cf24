# SPDX-License-Identifier: ISC
"""Costs that must not grow: the benchmark's instructions, counts of remote fences, a fork's instructions by the memory touched, an exec's reads, and what harts cost each other."""
import os
import re

# Instructions (fork*, exec: thousands): what the benchmark's metrics cost when this was written and a few in a hundred.
MOST = {"null": 132, "anonw": 1180, "anonr": 456, "war": 1260, "cow": 1865, "cowlast": 117, "fork0": 23.5, "fork16": 23.5, "fork64": 24.2,
        "exec": 77, "mapshr": 115, "mapprivw": 1880, "mmap": 1420, "mmaptouch": 3670, "read4k": 1555, "read1m": 1142, "write4k": 1735,
        "mprot": 1925, "mprotsplit": 2860, "pipe": 3100, "segv": 1130, "kill": 1400, "write1m": 1275, "openclose": 2150,
        "stat": 1720, "dirscan": 200, "pipethru": 2560, "yield": 390, "msync16_dirty": 1350}


@test("cost/table", 20)
def table(t):
    """Every metric at half of Debian's Linux, at three quarters of the lean one (those of paths: not above it), and where it is today; a long read is nearly all copying."""
    done = t.guest("mkdir -p /bench && dd if=/dev/zero of=/bench/cached.bin bs=1M count=8 2>/dev/null && "
                   "dd if=/dev/zero of=/bench/scratch.bin bs=1M count=1 2>/dev/null && "
                   "dd if=/dev/zero of=/bench/shared.bin bs=1M count=16 2>/dev/null && sync && /bin/vmbench -m 128 cpu path && "
                   "{ /bin/vmbench -m 128 msync16 | grep dirty; }", mem=128,  # which misses its stamps in this file
                   kernel="release", args=["--icount"])
    values = {name: float(value) for name, value in re.findall(r"^(\w+) ([\d.]+) \S+$", done.stdout.decode(), re.M)}
    for name in "read1m", "write1m":
        values[name] = 1e9 / (values[name] * 256)  # of MiB/s, instructions for 4 KiB
    t.equal(sorted(values), sorted(MOST), "metrics")
    with open(os.path.join(t.top, "bench/linux-6.12.txt"), encoding="ascii") as known:
        linux = {row.split()[0]: row.split()[1:4] for row in known if not row.startswith("#")}
    for name, value in values.items():
        most = MOST[name]
        debian, lean, budget = (float(f) if f != "-" else 0 for f in linux.get(name, "---"))
        if debian and name != "read1m":
            most = min(most, debian / 2)
        if lean:
            most = min(most, lean * (0.75 if budget else 1))  # without a budget: the path group
        t.check(value <= most, f"{name}: {value:.1f}, more than {most:.1f}")


@test("cost/exec", 10)
def exec_(t):
    """exec reads only what runs, once: a page of a large file, few requests; nothing when it is in the cache, where its text is found."""
    done = t.guest("cp /bin/true /root/large && truncate -s 8M /root/large && execcost /bin/true && execcost /root/large && "
                   "execcost /bin/sh -c :", mem=64, kernel="release", args=["--icount"])
    seen = re.findall(r"^(?:file|cold|warm): pages (\d+)(?: requests (\d+) faults (\d+) took (\d+))?$", done.stdout.decode(), re.M)
    t.equal(len(seen), 9, "lines")
    rows = [tuple(int(f or 0) for f in row) for row in seen]
    for what, (size, cold, warm), pages, requests, faults, took in (
            ("true", rows[0:3], 1, 1, 15, 88000), ("a large file", rows[3:6], 1, 1, 15, 88000), ("sh", rows[6:9], 23, 5, 24, 150000)):
        t.check(cold[0] <= pages and cold[1] <= requests, f"{what}, of {size[0]} pages: {cold[0]} read in {cold[1]} requests")
        t.equal(warm[:2], (0, 0), f"{what}: pages and requests from the cache")
        t.check(warm[2] <= faults and warm[3] <= took, f"{what}: {warm[2]} faults, {warm[3]} instructions")


@test("cost/fences", 30)
def fences(t):
    """At most one remote fence for a call, none where nobody else runs, one for 32 evicted pages; and the kernel counts all that QEMU sees."""
    symbols = t.run("nm", t.built("debug/kernel.elf")).stdout.decode()
    log, at = t.path("fences"), re.search(r"^(\w+) T sbi_remote_sfence$", symbols, re.M)[1]
    # Nothing sends any after the counts are read: no audit, and nothing that the kernel unmapped before waits for a fence.
    done = t.guest("fencetest 24 && echo 4 >/proc/sys/vm/drop_caches && cat /proc/vmstat", mem=16, smp=4, audit=False,
                   args=[f"--qemu-arg={arg}" for arg in ("-d", "exec,nochain", "-dfilter", f"0x{at}+4", "-D", log)])
    counted = dict(re.findall(r"^(fences_sent|kernel_fences) (\d+)$", done.stdout.decode(), re.M))
    with open(log, encoding="ascii", errors="replace") as lines:
        marks = [line.split()[0] for line in lines]
    seen = marks.count("Trace") - marks.count("Stopped")  # QEMU says that a block runs, and may take it back
    print(f"{seen} remote fences, of which the kernel counted {counted}")
    t.equal(sum(map(int, counted.values())), seen, "remote fences counted")


for what, seconds in ("waits", 15), ("instructions", 30):
    @test(f"cost/{what}", seconds)
    def several_harts(t, what=what):
        """Four harts that fault: fewer than 1% of lock takings wait, and waiting takes no instructions to speak of. (How much slower they get `make scale` says.)"""
        done = t.run(os.path.join(t.top, "bench/scaling"), t.build, what, status=None, timeout=200)
        if done.returncode == 77:
            raise Skipped("; ".join(done.stdout.decode().splitlines()))
        t.equal(done.returncode, 0, "status of bench/scaling")


MOST_A_MAPPING = 230, 122  # instructions of fork, of the child's end


@test("cost/fork", 30)
def fork(t):
    """With 1 GiB touched, fork costs at most twice what it costs with 1 MiB; what it causes later is bounded by the regions touched."""
    done = t.guest("forkcost 1 64 1024", mem=2048, kernel="release", args=["--icount"])
    rows = {int(mib): dict(zip(words.split()[::2], map(int, words.split()[1::2])))
            for mib, words in re.findall(r"^(\d+) MiB: (.*)$", done.stdout.decode(), re.M)}
    t.equal(sorted(rows), [1, 64, 1024], "sizes")
    t.check(rows[1]["call"] <= 12000 and rows[1024]["call"] <= 23000, f"fork: {rows[1]['call']} instructions with 1 MiB, {rows[1024]['call']} with 1 GiB")
    t.check(rows[1024]["call"] <= 2 * rows[1]["call"], f"fork: {rows[1]['call']} instructions with 1 MiB, {rows[1024]['call']} with 1 GiB")
    t.check(rows[1024]["child"] <= 2 * rows[1]["child"], f"the child's end: {rows[1]['child']} and {rows[1024]['child']} instructions")
    for mib, row in rows.items():
        regions = max(mib // 2, 1)
        t.check(row["faults"] <= regions + 10, f"{row['faults']} faults for {regions} regions")
        t.check(row["nodes"] <= 8 and row["copies"] <= 4, f"{row['nodes']} nodes and {row['copies']} pages copied")


@test("cost/fork-mappings", 10)
def fork_mappings(t):
    """Fork, and the child's end, are linear in the number of mappings, at the same few instructions for each, whatever memory was touched."""
    done = t.guest("forkcost 1:0 1:400 1:800 1:1600 256:0 256:1600", mem=512, kernel="release", args=["--icount"])
    rows = {(int(mib), int(n)): (int(call), int(child))
            for mib, n, call, child in re.findall(r"^(\d+) MiB: mappings (\d+) call (\d+) child (\d+) ", done.stdout.decode(), re.M)}
    t.equal(len(rows), 6, "sizes")
    for i, what in enumerate(("call", "child's end")):
        each = (rows[1, 1600][i] - rows[1, 0][i]) / 1600
        print(f"{what}: {each:.0f} instructions a mapping")
        t.check(each <= MOST_A_MAPPING[i], f"the {what}: {each:.0f} instructions a mapping")
        for mib, n in (1, 400), (1, 800), (256, 1600):
            share = (rows[mib, n][i] - rows[mib, 0][i]) / n / each
            t.check(0.9 <= share <= 1.1, f"the {what}: {n} mappings with {mib} MiB cost {share:.2f} times as much each as 1600 with 1 MiB")
