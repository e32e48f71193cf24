# SPDX-License-Identifier: ISC
"""Nothing is lost on the way: after many rounds of everything at once as many frames and as much swap are free as before, exactly."""
import re


def figures(text):
    """What must be equal. Clean pages of files are no loss; slabs that keep their type keep their frames, so their objects are counted."""
    seen = {name: int(value) for name, value in re.findall(r"^(SwapFree|AnonPages|Shmem|Dirty|nr_page_table_pages|nr_nodes|nr_kernel_pages|"
                                                           r"Committed_AS):?\s+(\d+)", text, re.M)}
    slabs = re.findall(r"^(\S+)\s+(\d+)\s+\d+\s+\d+.*slabdata\s+(\d+)", text, re.M)
    seen["kernel frames but for slabs"] = seen.pop("nr_kernel_pages") - sum(int(nframes) for _, _, nframes in slabs)
    seen.update((f"objects of {name}", int(used)) for name, used, _ in slabs)
    return seen


def rounds(t, n, timeout):
    done = t.guest(f"cd /root; drifttest -l 80 {n}", mem=16, smp=4, swap="64M", timeout=timeout)
    looks = re.findall(r"^= \w+\n([^=]*)", done.stdout.decode(), re.M)
    before, after = (figures(text) for text in looks[-2:])
    t.log(str(before))
    t.check(len(before) > 20, "too little was seen")
    t.check(before["SwapFree"] > 0, "there is no swap")
    for name, value in before.items():
        t.equal(after[name], value, name)


@test("audit/drift", 15)
def drift(t):
    rounds(t, 400, 100)


@test("soak/drift", 100)
def soak(t):
    rounds(t, 10000, 900)
