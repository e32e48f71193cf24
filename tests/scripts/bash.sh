# SPDX-License-Identifier: ISC
# For bash: what scripts do, with one answer on every Unix. Runs in a directory of its own, on this machine and in the
# guest; the outputs are compared.
set -u
shopt -s extglob nullglob globstar

section() { echo "== $*"; }

section words and expansions
a=(one two "three four" five)
echo "${#a[@]} ${a[2]} ${a[-1]} ${a[@]:1:2} ${!a[*]}"
declare -A map=([x]=1 [y]=2 [z key]=3)
for k in "${!map[@]}"; do echo "$k=${map[$k]}"; done | sort
s=/usr/local/lib/libfoo.so.1
echo "${s##*/} ${s%/*} ${s%%.*} ${s/lib/LIB} ${s//lib/LIB} ${#s} ${s:5:5} ${s^^} ${s: -4}"
echo {1..5} {a..e..2} x{1,2,3}y {01..10..3}
printf '%-10s|%5d|%05.2f|%x|%q\n' left 42 3.14159 255 'a b'
printf -v out '%s-%s' p q; echo "$out"
unset u; echo "${u:-default} ${u:+set} ${a[1]:+set}"
(: "${u:?is not there}") 2>&1 | sed 's/.*: u/u/'
x=5; echo $((x**3 % 7)) $((x<<4|3)) $((x>3?10:20)) $((16#ff)) $((2#1011)) $((x++ + ++x))
[[ foobar =~ ^(foo)(ba.)$ ]] && echo "${BASH_REMATCH[1]}+${BASH_REMATCH[2]}"
[[ abc == a*c && ! abc == b* && 10 -gt 9 ]] && echo matched
IFS=: read -r p q r <<< "1:2:3:4"; echo "$p $q $r"
mapfile -t lines < <(printf '%s\n' l1 l2 l3); echo "${#lines[@]} ${lines[1]}"
declare -n ref=x; ref=99; echo $x
case linux in l+(i|n)ux) echo extglob ;;& *x) echo fall ;; *) echo no ;; esac

section functions
fib() { local n=$1; ((n < 2)) && { echo $n; return; }; echo $(($(fib $((n-1))) + $(fib $((n-2))))); }
fib 10
args() { echo "$# $1 ${*:2}"; shift 2; echo "$@"; }
args a 'b c' d e
while getopts ab:c opt -a -b val -c rest; do echo "$opt ${OPTARG-}"; done; echo $OPTIND
status() { return $1; }
status 7; echo $?
! status 1; echo $?

section files
mkdir -p tree/{a,b}/{c,d}
for f in tree/{a,b}/{c,d}/file{1,2}; do echo "$f" > "$f"; done
echo tree/**/file1
find tree -type f | sort | head -3
ls tree/*/c | cat
[[ -d tree && -f tree/a/c/file1 && ! -e nothing ]] && echo tests
[[ tree/a/c/file1 -ot /dev/null ]]; touch -d '2001-02-03 04:05:06' old; [[ old -ot tree ]] && echo older
ln -s tree/a link; [[ -L link && link/c/file1 -ef tree/a/c/file1 ]] && echo same
chmod 640 old; stat -c '%a %F %s' old
cp -r tree copy; diff -r tree copy && echo equal
rm -r copy; test -e copy || echo gone
exec 3> fd3 4>&1; echo to three >&3; echo to four >&4; exec 3>&- 4>&-; cat fd3
exec {fd}< fd3; read -r line <&$fd; exec {fd}<&-; echo "$line"
echo first > log; echo second >> log; { echo third; echo err >&2; } >> log 2>&1; cat log
cat > doc <<END
expanded: $((1+1)) ${a[0]}
END
cat doc - <<'END'
as it is: $((1+1))
END
cat <<-	END
	without tabs
	END
set -o noclobber; (echo x > log) 2>/dev/null || echo kept; set +o noclobber
wc -l < log | tr -d ' '
umask 027; touch masked; stat -c %a masked; umask 022

section pipes
seq 1 100 | grep 7 | wc -l | tr -d ' '
true | false | true; echo "${PIPESTATUS[@]}"
set -o pipefail; false | true; echo $?; set +o pipefail
yes | head -n 3
seq 1000 | sort -rn | head -n 1
cmp -s <(seq 3) <(seq 1 2 5) || echo differ
tee >(cat > teed) <<< tee >/dev/null; until [ -s teed ]; do sleep 0.1; done; cat teed
echo in | (read -r v; echo "sub $v")
mkfifo fifo; (seq 5 > fifo &); paste -sd+ fifo
coproc ADD { while read -r m n; do echo $((m + n)); done; }
echo 3 4 >&"${ADD[1]}"; read -r sum <&"${ADD[0]}"; echo $sum
eval "exec ${ADD[1]}>&-"; wait $ADD_PID; echo coproc $?
exec 7<> fifo; read -t 0.1 -r -u 7 v; (($? > 128)) && echo timed out; exec 7>&-
printf 'abcdef' | { read -n 3 v; echo $v; read -N 2 v; echo $v; }
dd if=/dev/zero bs=1000 count=300 2>/dev/null | wc -c | tr -d ' '

section processes
(exit 42); echo $?
sleep 0.1 & wait $!; echo $?
for i in 3 1 2; do (sleep 0.$i; exit $i) & done
ended=; for i in 1 2 3; do wait -n; ended+=" $?"; done; echo $ended | tr ' ' '\n' | sort
{ sh -c 'kill -9 $$'; echo $?; } 2>/dev/null
{ sh -c 'kill -TERM $$'; echo $?; } 2>/dev/null
(trap 'echo exit trap' EXIT; exit 3); echo $?
(trap 'echo usr1; exit 5' USR1; kill -USR1 $BASHPID; sleep 1); echo $?
(trap '' TERM; kill -TERM $BASHPID; echo ignored)
trap 'echo child' CHLD; sleep 0.05 & wait; trap - CHLD
(sleep 5 & p=$!; kill $p; wait $p; echo $?) 2>/dev/null
{ timeout 0.2 sleep 5 || echo ended; } 2>/dev/null
set -m; sleep 5 & jobs | sed 's/  */ /g'; { kill %1; wait; } 2>/dev/null; set +m
(set -e; false; echo not reached); echo $?
(set -eu; f() { false; true; }; f || echo handled; echo reached)
bash -c 'echo $0 $1' name arg
env -i A=b /bin/sh -c 'echo $A'
/no/such/program 2>/dev/null; echo $?
touch plain; ./plain 2>/dev/null; echo $?
printf '#!/bin/sh\necho script $1\n' > script; chmod +x script; ./script ok
ulimit -n 64; (ulimit -Sn 20; ulimit -Sn); ulimit -n
(ulimit -f 1; trap '' XFSZ; dd if=/dev/zero of=limited bs=1k count=5 2>/dev/null; stat -c %s limited) | cat
exec 9> lock; flock() { :; }; exec 9>&-
(cd tree && pwd | sed 's,.*/,,')
cd tree; cd ..; cd - > /dev/null; basename "$PWD"; cd ..
type cd | head -n 1; hash -r; command -v true > /dev/null && echo found

section text
for w in $(printf 'pear apple fig\n'); do echo "$w"; done | sort | paste -sd' ' -
printf '%s\n' b a c a | sort -u | tr '\n' ' '; echo
printf 'k1 5\nk2 7\nk1 1\n' | awk '{s[$1]+=$2} END {for (k in s) print k, s[k]}' | sort
echo 'the quick brown fox' | sed -E 's/(\w+) (\w+)/\2 \1/'
echo a,b,c | cut -d, -f2
echo hello | tr a-y b-z
printf '1\n2\n3\n' | { t=0; while read -r n; do ((t += n)); echo $t; done; } | tail -n 1
printf 'x%.0s' {1..20}; echo
big=$(seq 20000); echo "${#big}"
echo "$big" | md5sum | cut -c1-8
for ((i = 0, t = 0; i < 20000; i++)); do ((t += i % 7)); done; echo $t
str=; for i in {1..2000}; do str+=$i,; done; echo ${#str}
echo -e 'tab\there\x41'
date -u -d @0 +%FT%T
