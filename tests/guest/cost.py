# SPDX-License-Identifier: ISC
"""Costs that must not grow: counts of remote fences, and a fork's instructions by the memory touched."""
import re


@test("cost/fences", 30)
def fences(t):
    """At most one remote fence for a call, none where nobody else runs, one for 32 evicted pages."""
    t.guest("fencetest 24", mem=16, smp=4)


@test("cost/fork", 30)
def fork(t):
    """With 1 GiB touched, fork costs at most twice what it costs with 1 MiB; what it causes later is bounded by the regions touched."""
    done = t.guest("forkcost 1 64 1024", mem=2048, kernel="release", args=["--icount"])
    rows = {int(mib): dict(zip(words.split()[::2], map(int, words.split()[1::2])))
            for mib, words in re.findall(r"^(\d+) MiB: (.*)$", done.stdout.decode(), re.M)}
    t.equal(sorted(rows), [1, 64, 1024], "sizes")
    t.check(rows[1024]["call"] <= 2 * rows[1]["call"], f"fork: {rows[1]['call']} instructions with 1 MiB, {rows[1024]['call']} with 1 GiB")
    t.check(rows[1024]["child"] <= 2 * rows[1]["child"], f"the child's end: {rows[1]['child']} and {rows[1024]['child']} instructions")
    for mib, row in rows.items():
        regions = max(mib // 2, 1)
        t.check(row["faults"] <= regions + 10, f"{row['faults']} faults for {regions} regions")
        t.check(row["nodes"] <= 8 and row["copies"] <= 4, f"{row['nodes']} nodes and {row['copies']} pages copied")
