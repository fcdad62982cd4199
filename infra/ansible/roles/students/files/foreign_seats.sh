#!/bin/sh
# foreign_seats.sh SEATS UID_BASE: names each seat whose account has another uid, or whose uid is another's account.
getent passwd | awk -F: -v seats="$1" -v base="$2" '
  $1 ~ /^student[1-9][0-9]*$/ { number = substr($1, 8) + 0
    if (number <= seats && $3 != base + number)
      print $1 " has the uid " $3 ", which should be " base + number ": remove the account, or choose another wod_uid_base" }
  $3 > base && $3 <= base + seats && $1 != "student" ($3 - base) {
    print "the uid " $3 " is the account " $1 "'"'"'s, and should be student" ($3 - base) "'"'"'s: choose another wod_uid_base" }'
