# SPDX-License-Identifier: ISC
"""The tools print what those of this machine print."""
import os
import re
import shutil

FILES = """
mkdir $W && cd $W
printf 'one two\\nthree four\\n\\nfive (six) seven\\nend\\n' >a
printf 'no newline' >b
seq 1 30 >n
printf 'tab\\there\\\\back\\001\\n' >c
"""

SED = r"""
sed -n 2p a
sed '2,4d' a
sed '2!d' a
sed '/three/,/five/p' a
sed -n '/one/,+2p' a
sed -n '1~7p' n
sed '$d' n
sed -n '$=' n
sed 's/o/0/' a
sed 's/o/0/g' a
sed 's/o/0/2' a
sed 's/[aeiou]/<&>/g' a
sed 's/\([a-z]*\) \([a-z]*\)/\2 \1/' a
sed -E 's/([a-z]+) \(?([a-z]+)\)?/\2-\1/' a
sed -E 's/(.)(.)/\2\1/g' a
sed 's/x*/-/g' a
sed 's/b*$/!/' b
sed 's,/,|,g;s|e|/|g' a
sed -n 's/e/E/gp' a
sed 's/one/1\n2/' a
sed 's/ /\
/' a
sed 'y/abcdef/ABCDEF/' a
sed -e 1i\\ -e 'before' -e '$a\' -e 'behind' a
sed '2a text of one line' a
sed '2c changed' a
sed '2,3c\
changed\
twice' a
sed '/^$/d;s/^/> /' a
sed -n '$!{h;d};H;x;p' a
sed '1!G;h;$!d' n
sed ':a;N;$!ba;s/\n/,/g' n
sed -n 'N;P;D' n
sed '$!N;s/\n/ /' n
sed = a
sed -n l c
sed -n '/o/{/t/p}' a
sed '3q' n
sed 'n;d' n
sed 5q7 n; echo status $?
sed -E 's/(a|ab)(c|bcd)(d*)/[\1|\2|\3]/'<<X
abcd
X
sed 's/\(.\)\1/<\1\1>/g' <<X
aabbcdd hello
X
sed -n '/\(.\)\(.\)\2\1/p' <<X
abba
abab
xyyx
X
sed -E 's/^(.*)\n?$/[\1]/' a b
sed p b
sed -s -n '$p' a b n
sed 's/a\|e/X/g' a
sed '/[/]/s/x/y/;s/[]x]/Z/' a
sed 's/TWO/2/I' a
sed 'r b' a
sed '2r b' a
sed -n 'w out
s/e/E/w out2' a; cat out out2
sed -i.old s/one/ONE/ a; cat a a.old
sed -i '1d' a b; cat a b
printf 'a\nb\nc\n' | sed -n 'x;1!p;${x;p}'
printf 'x=1\ny=22\n' | sed -E 's/^([a-z])=([0-9]+)$/\2=\1/;t;s/$/ none/'
printf 'aaa\n' | sed ':x;s/a/b/;tx'
sed -n '0,/e/p' a
sed '2,1p' n | head -n 4
sed -n '10,5p;/2/,3p' n
sed -e 'b end' -e 's/./X/' -e ':end' b
sed -f /dev/stdin n <<X
# a comment
1,28d
s/^/line /  # another
X
"""


DIFF = r"""
diff a a; echo $?
diff a b; echo $?
diff -u a a2 | sed 's/\t.*//'
diff a a2
diff a2 a
diff -U0 a a2 | sed 's/\t.*//'
diff -U1 n n2 | sed 's/\t.*//'
diff -u n n2 | sed 's/\t.*//'
diff n n2
diff -u b b2 | sed 's/\t.*//'
diff b b2
diff -u b /dev/null | sed 's/\t.*//'
diff /dev/null a
diff -i a a3; echo $?
diff -b a a4; echo $?
diff -w a a4; echo $?
diff a a4; echo $?
diff -q a a2; echo $?
diff -s a a; echo $?
diff -rq d1 d2; echo $?
diff -r d1 d2; echo $?
diff -rN d1 d2; echo $?
diff -ru d1 d2 | sed 's/\t.*//'
diff d1/x d2; echo $?
diff c1 c2 | grep -c '^[<>]'
diff -u c1 c2 >p; head -n 2 p | wc -l
diff zero1 zero2; echo $?
"""

DIFF_FILES = FILES + """
sed 's/three/3/;$a\\\nnew last' a >a2; tr a-z A-Z <a >a3; sed 's/ /   /' a >a4; printf 'no newline\n' >b2
sed '3d;10a\\\ninserted' n | sed '25,26s/^/x/' >n2
mkdir -p d1/s d2/s d1/only; echo 1 >d1/x; echo 2 >d2/x; echo k >d1/only/k; echo y >d2/s/y; echo z >d1/s/z; echo z >d2/s/z
i=0; while [ $i -lt 400 ]; do echo $((i * 7919 % 97)); i=$((i + 1)); done >c1; sed '/^5/d;s/^8$/eight/;/^60/p' c1 >c2
printf 'a\\0b' >zero1; printf 'a\\0c' >zero2
"""


def as_here(t, scripts, files=FILES):
    """Each line (with its here-document) alone, in a shell here and in the guest's."""
    commands = re.split(r"\n(?=sed |diff |du |xargs |printf )", scripts.strip())
    text = files + "".join(f"echo '== {n}'\n{command}\n" for n, command in enumerate(commands))
    here = t.run("sh", "-c", f"W={t.path('w')}\n" + text).stdout.split(b"== ")
    there = t.guest("W=/tmp/w\n" + text).stdout.split(b"== ")
    for n, command in enumerate(commands):
        t.equal(there[n + 1], here[n + 1], f"output of {command}")
    t.equal(len(there), len(here), "number of outputs")


OTHERS = r"""
xargs -d , echo <<X
a b,c'd,"e
X
xargs -d '\n' -n 1 echo <a
xargs -0 echo <b
du -b a b n
du -ba d1 | sed '$d' | sort
du -b d1/x d1/x
"""


@test("tools/others")
def others(t):
    as_here(t, OTHERS, FILES + "mkdir d1; echo 1 >d1/x; ln d1/x d1/y; echo 1234 >d1/z\n")


@test("tools/sed")
def sed(t):
    as_here(t, SED)


@test("tools/diff")
def diff(t):
    as_here(t, DIFF, DIFF_FILES)


SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts")

END = rb"(.*?)%%% (\d+) (\w*)\n"  # of a snippet's output: status, and whether there was a message
RUNNER = """
unset OLDPWD
umask 022
mkdir $W && cd $W || exit 1
renew() {
	rm -rf w && mkdir w && cd w
	. ../files
	cd ..
}
run() {
	cd w
	$S ../s </dev/null >../out 2>../err
	status=$?
	cd ..
	cat out
	[ -s err ] && said=message || said=
	echo "%%% $status $said"
}
"""


def lines_of(name):
    with open(os.path.join(SCRIPTS, name), encoding="utf-8") as file:
        return file.read().splitlines()


def script(snippets, files="", harmless=None):
    """Commands that run each; in a fresh directory, but for those behind one that matches `harmless`."""
    text = RUNNER + f"cat >files <<'%%%'\n{files}\n%%%\n"
    dirty = True
    for snippet in snippets:
        text += ("renew\n" if dirty else "") + f"cat >s <<'%%%'\n{snippet}\n%%%\nrun\n"
        dirty = not (harmless and harmless.search(snippet))
    return text


def compare(t, snippets, expected, text):
    image = t.image()
    with open(t.path("all"), "w", encoding="utf-8") as file:
        file.write(text)
    t.run(os.path.join(t.top, "quire"), "cp", t.path("all"), f"{image}:/all")
    seen = re.findall(END, t.guest("sh /all", image=image, kernel="release").stdout, re.S)
    wrong = [f"{snippet}\n  here: {a!r}\n  there: {b!r}" for snippet, a, b in zip(snippets, expected, seen) if a != b]
    t.check(not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong))
    t.equal((len(seen), len(expected)), (len(snippets), len(snippets)), "number of outputs")


def variables(work, shell, path=None):
    return f"W={work} S='{shell}' HOME=/root LC_ALL=C TZ=UTC\n" + (f"PATH={path}:$PATH\n" if path else "") + \
        "export HOME LC_ALL TZ\n"


def snippets_of_shell():
    """Those to compare with dash, those to compare with bash."""
    found = [], []
    part = 0
    for line in lines_of("shell.txt"):
        if line.startswith("> "):
            found[part][-1] += "\n" + line[2:]
        elif line.startswith("# "):
            part = part or line == "# as bash"
        elif line:
            found[part].append(line)
    return found


@test("tools/sh", 40)
def shell(t):
    """Snippets, each by itself."""
    parts = snippets_of_shell()
    links = t.path("links")
    os.mkdir(links)
    expected = []
    for part, program in enumerate(("dash", "bash --posix")):
        path = shutil.which(program.split()[0])
        if not path:
            raise Skipped(f"there is no {program.split()[0]}")
        link = os.path.join(links, "sh")
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(path, link)
        text = variables(t.path(f"w{part}"), program, links) + script(parts[part])
        expected += re.findall(END, t.run("dash", "-c", text).stdout, re.S)
    compare(t, parts[0] + parts[1], expected,
            "".join(variables(f"/tmp/w{part}", "sh") + script(parts[part]) for part in (0, 1)))


CHANGES = re.compile(r"[>=]|\b(cp|mv|rm|mkdir|rmdir|ln|touch|chmod|truncate|tee|mktemp|mkfifo|out|old)\b|-i|-delete|notrunc")


@test("tools/lines", 40)
def command_lines(t):
    lines = lines_of("tools.txt")
    files = "\n".join(line[2:] for line in lines if line.startswith("+ "))
    lines = [line for line in lines if line and line[:2] not in ("# ", "+ ")]
    harmless = re.compile(r"^(?!.*(" + CHANGES.pattern + "))")
    text = script(lines, files, harmless)
    # umask and time zone are the same on both sides; big arguments come from a file, as the shell's -c has a limit
    with open(t.path("here"), "w", encoding="utf-8") as file:
        file.write(variables(t.path("w"), "sh") + text)
    expected = re.findall(END, t.run("sh", t.path("here")).stdout, re.S)
    compare(t, lines, expected, variables("/tmp/w", "sh") + text)
