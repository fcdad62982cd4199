#!/bin/sh
# seat_quotas.sh SEATS MIB FILES: hard limits of each seat on the file system of /student. Says "changed" when they were others.
set -eu
mount=$(df --output=target /student | tail -n 1)
seats=$(awk -v seats="$1" 'BEGIN { for (n = 1; n <= seats; n++) print "student" n }')
wanted=$(printf '%s\n' "$seats" | awk -v blocks="$(($2 * 1024))" -v files="$3" '{ print $1, 0, blocks, 0, files }')
# --verbose: a seat that holds nothing yet has its limit all the same
found=$(repquota --user --verbose --raw-grace --no-autofs "$mount" | awk '/^student/ { print $1, $4, $5, $8, $9 }')
missing=$(printf '%s\n' "$wanted" | grep --line-regexp --fixed-strings --invert-match --regexp "${found:-none}" || true)
[ -z "$missing" ] && exit 0
printf '%s\n' "$missing" | setquota --user --batch "$mount"
echo changed
