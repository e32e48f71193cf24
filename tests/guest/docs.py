# SPDX-License-Identifier: ISC
"""What the documents name is there."""
import glob
import os
import re


@test("docs/traps", 1)
def traps(t):
    """Each trap of docs/traps.md has a test, and the tests, models, cases and mutants that it names exist."""
    def read(path):
        with open(os.path.join(t.top, path), encoding="utf-8") as file:
            return file.read()

    known = set(t.run(os.path.join(t.top, "tests/run"), "--build", t.build, "--list").stdout.decode().split())
    sources = {os.path.basename(path)[:-2]: path for path in glob.glob(os.path.join(t.top, "user/*.c")) + glob.glob(os.path.join(t.top, "tests/host/*.c"))}
    mutants = {os.path.basename(path)[:-6] for path in glob.glob(os.path.join(t.top, "tests/mutants/*.patch"))}
    rows = [row.strip("|").split("|") for row in read("docs/traps.md").splitlines() if row.startswith("| ")][1:]
    rows = [row for row in rows if not row[0].startswith(" ---")]
    t.check(len(rows) >= 18, f"{len(rows)} traps")
    for trap, tests, planted in rows:
        named = [name for name in re.findall(r"\b[a-z0-9]+(?:/[a-z0-9-]+)?\b", tests) if name in sources or "/" in name]
        t.check(named or "audit" in tests, f"{trap.strip()}: no test")
        for name in named:
            t.check(name in sources or name in known, f"{trap.strip()}: there is no test {name}")
        for name, case in re.findall(r"\b([a-z]+test|vmrefuse) \"([^\"]+)\"", tests):
            t.check(f'"{case}"' in read(sources[name]), f"{trap.strip()}: {name} has no case {case}")
        for name in re.findall(r"[a-z-]+", planted):
            t.check(name in mutants, f"{trap.strip()}: there is no mutant {name}")
