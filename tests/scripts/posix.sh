# SPDX-License-Identifier: ISC
# For any POSIX shell and its tools: the outputs of this machine's and of the guest's are compared.
set -u

section() { echo "== $*"; }

section control
for i in 1 2 3; do
	case $i in
	1) echo one ;;
	[23]) if [ $i -eq 2 ]; then continue; fi; echo three ;;
	esac
done
i=0
while :; do i=$((i + 1)); [ $i -ge 5 ] && break; done; echo $i
until [ $i -eq 0 ]; do i=$((i - 1)); done; echo $i
f() { echo "f: $# $*"; return 3; }
f a b 'c d'; echo $?
set -- x y z; shift; echo "$1 $#"
v=' several   words '; echo $v; echo "$v"
unset none; echo "${none-default}${v:+set}"
p=/a/b/c.txt; echo "${p##*/} ${p%.*} ${p#/a} ${#p}"
echo $((7 / 2)) $((7 % 3)) $((1 << 4)) $((5 > 3 && 2 < 1)) $((-7 / 2))
eval 'echo evaluated'
(x=inner; echo $x); x=outer; echo $x
echo "$(echo nested "$(echo deep)")" `echo old`
set -f; echo *; set +f
trap 'echo leaving' EXIT
trap 'echo got usr1' USR1
kill -USR1 $$
command -v no-such-command || echo not found

section redirections
echo one > file; echo two >> file; cat file
echo err >&2 2>/dev/null
{ echo out; echo err >&2; } > both 2>&1; sort both
exec 5<file; read -r first <&5; read -r second <&5; exec 5<&-; echo "$second $first"
cat <<-END
	indented $((2 * 3))
	END
cat <<'END'
raw $((2 * 3))
END
while read -r l; do echo "<$l>"; done < file

section tools
printf '%s %d %x %o %c|%5s|%-5s|\n' str 10 255 8 char right left
printf '3\n1\n2\n' | sort; printf '10\n9\n' | sort -n; printf 'b 2\na 1\n' | sort -k2
printf 'a\na\nb\n' | uniq -c | sed 's/^ *//'
echo abcdef | cut -c2-4; echo a:b:c | cut -d: -f1,3
echo hello | tr a-z A-Z; echo aabbcc | tr -s a-c; echo x1y2 | tr -d 0-9
printf '1 2\n3 4\n' | awk '{ s += $1 * $2 } END { print s, NR }'
awk 'BEGIN { for (i = 0; i < 3; i++) printf "%d ", i * i; print substr("hello", 2, 3), length("four"), toupper("x") }'
awk -F: '$1 == "root" { print $3 }' /etc/passwd
printf 'one\ntwo\nthree\n' | sed -n '2p'; echo aXbX | sed 's/X/-/g'; printf 'a\nb\nc\n' | sed '2d;s/c/C/'
printf 'l1\nl2\nl3\n' | head -n 2 | tail -n 1; printf 'match\nother\n' | grep -c match
echo 'a.b' | grep -F 'a.b'; echo 'foo123' | grep -E '[0-9]+$'; printf 'A\nb\n' | grep -i a
seq 3 -1 1; expr 6 \* 7; expr length word 2>/dev/null || expr word : '.*'
mkdir -p d/e; echo x > d/e/f; cp -R d d2; mv d2 d3; find d3 | sort; rm -r d3
ln -s d/e sl; readlink sl; ls sl; ln d/e/f hl; cat hl
touch -t 200102030405 t; find . -name t -newer d -o -name t | wc -l | tr -d ' '
chmod 751 t; ls -l t | cut -c1-10
printf 'b\na\n' > s1; sort -o s1 s1; cat s1; cmp s1 s1 && echo same
printf '1\n2\n' > c1; printf '2\n3\n' > c2; cmp -s c1 c2 || echo differ
echo 'some bytes' | od -An -c | sed 's/  */ /g'
echo abc | wc -c | tr -d ' '; echo 'a b c' | xargs -n1 | wc -l | tr -d ' '
basename /x/y.c .c; dirname /x/y.c; test -f t && echo is file
tar cf a.tar d && mkdir x && (cd x && tar xf ../a.tar && find . | sort)
gzip -c s1 | gzip -dc; printf x | md5sum | cut -c1-6
dd if=/dev/zero bs=512 count=3 2>/dev/null | wc -c | tr -d ' '
date -u -d @86400 +%Y-%m-%d; sleep 0; true && false || echo or
env A=1 sh -c 'echo $A'; id -u; nice -n 0 echo nice 2>/dev/null || echo nice
echo piped | tee copy | cat - copy
mkfifo pipe; (echo through > pipe &); cat pipe; rm pipe
paste c1 c2; fold -w 3 s1; nl -ba s1 | tr -d ' \t'

section many
n=0; for d in 0 1 2 3 4 5 6 7 8 9; do for e in 0 1 2 3 4 5 6 7 8 9; do echo $d$e > m$d$e; n=$((n + 1)); done; done; echo $n
cat m* | sort -n | awk '{ t += $1 } END { print t }'; ls m?5 | wc -l | tr -d ' '; rm m*
i=0; while [ $i -lt 100 ]; do (exit $((i % 5))) || n=$((n + $?)); i=$((i + 1)); done; echo $n
seq 5000 | while read -r a; do echo $((a * 2)); done | tail -n 1
i=0; while [ $i -lt 20 ]; do (echo $i >> parallel) & i=$((i + 1)); done; wait; wc -l < parallel | tr -d ' '
(exit 7) & wait $!; echo $?
sh -c 'exit 300' ; echo $?
