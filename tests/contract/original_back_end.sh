#!/usr/bin/env bash
# Plays the original's back end: what its action script says to the API when a command mail has come in.
# usage: original_back_end.sh VERB STUDENT CUSTOMER <<<NOTEBOOK
# Environment: API (base URL), API_USER, API_PASSWORD, BASESTDID, SEAT_PASSWORD (of CREATE).
# Only curl and jq, and no id of a command: a back end of the original knows none.
set -euo pipefail

verb=$1 student=$2 customer=$3
read -r notebook

request() { # METHOD PATH [JSON]
  curl --silent --show-error --fail-with-body --request "$1" \
    --header "x-access-token: $token" --header 'Content-Type: application/json' \
    ${3:+--data "$3"} "$API$2"
}

token=$(jq -n --arg username "$API_USER" --arg password "$API_PASSWORD" '{$username, $password}' |
  curl --silent --show-error --fail-with-body --header 'Content-Type: application/json' --data @- "$API/login" |
  jq -er .accessToken)

workshop=$(request GET /workshops | jq -er --arg notebook "$notebook" '.[] | select(.notebook == $notebook) | .id')

flag() { request GET "/workshops/$workshop" | jq -r "if .$1 == null then \"\" else .$1 end"; }

seat() { request PUT "/student/$((BASESTDID + student))" "$1" >&2; }
person() { request PUT "/customer/$customer" "$1" >&2; }

wait_until_cleaned() {
  for _ in $(seq 60); do
    [ "$(request GET "/customers/$customer" | jq -r .cleaned)" = true ] && return
    sleep 0.5
  done
  echo "customer $customer was not cleaned in time" >&2
  exit 1
}

case $verb in
  CREATE)
    for name in ldap varpass compile monoappliance multiappliance; do
      echo "$name=$(flag "$name")"
    done
    echo "first=$(flag 'range[0]')"
    seat "{\"password\": \"$SEAT_PASSWORD\"}"
    person '{"active": "true"}'
    ;;
  CLEANUP)
    seat '{"password": "not-of-anyone"}'
    person '{"completionPercentage": "75"}'
    if [ "$(flag reset)" = false ]; then
      seat '{"assigned": "false"}'
    else
      seat '{"assigned": "true"}'
      person '{"active": "false"}'
    fi
    person '{"cleaned": "true"}'
    ;;
  RESET)
    wait_until_cleaned
    [ "$(flag reset)" = true ] && seat '{"assigned": "false"}'
    ;;
  PURGE)
    wait_until_cleaned
    seat '{"assigned": "false", "password": "not-of-anyone-either"}'
    ;;
  *)
    echo "unknown verb $verb" >&2
    exit 1
    ;;
esac
