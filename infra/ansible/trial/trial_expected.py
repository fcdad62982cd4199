"""What an installed host looks like: a command, and the whole of what it may print."""

#: The account and the words of each process; a bare machine has no ps.
PROCESSES = "for p in /proc/[0-9]*; do echo $(stat -c %U $p) $(tr '\\0' ' ' < $p/cmdline); done 2>/dev/null"
SERVICES = "wod-api wod-worker wod-portal wod-gate wod-agent wod-hub wod-firewall wod-conformity.timer"
EXPECTED = {
    # secrets are for root alone; the rest of the settings for those who run
    "stat -c '%U:%G %a' /etc/wod/*.env | sort -u": "root:root 600",
    "stat -c '%U:%G %a' /etc/wod/command-key.pem /etc/wod/seed-1.json | sort -u": "wod-api:wod-api 400",
    "stat -c '%U:%G %a' /etc/wod/command-keys.json /etc/wod/jupyterhub_config.py | sort -u": "root:root 644",
    "stat -c '%a' /opt/private/installation/secrets/* | sort -u": "600",
    "stat -c '%U %a' /student": "root 711",
    "stat -c '%U %a' /var/lib/wod/agent /var/lib/wod/hub | sort -u": "root 700",
    "stat -c '%U %a' /var/lib/wod/gate": "wod-gate 700",
    "find /opt/wod /srv/wod /etc/wod -perm /022 -not -type l | head": "",
    # accounts
    "getent passwd student1 student100": (
        "student1:x:20001:20001:A seat:/student/student1:/bin/bash\n"
        "student100:x:20100:20100:A seat:/student/student100:/bin/bash"
    ),
    "getent passwd | grep -c '^student'": "100",
    "getent passwd wod-api wod-portal wod-gate | cut -d: -f6,7 | sort -u": "/nonexistent:/usr/sbin/nologin",
    # units
    f"systemctl is-active postgresql nginx fail2ban {SERVICES} | sort -u": "active",
    f"systemctl is-enabled {SERVICES} | sort -u": "enabled",
    "systemctl list-units --failed --plain --no-legend 'wod-*'": "",
    PROCESSES + " | grep -oE '^wod-[a-z]+ .* -m wod_[a-z_.]+' | awk '{print $1, $NF}' | sort": (
        "wod-api wod_api_db\nwod-api wod_api_db.worker\nwod-gate wod_mailgate\nwod-portal wod_frontend"
    ),
    # no secret among what everybody may list
    PROCESSES + " | grep -cF -f <(cat /opt/private/installation/secrets/* | grep -E '^[A-Za-z0-9]{20,}$') || true": "0",
    # to the outside: the web, and nothing else
    "awk '$4 == \"0A\" && $2 !~ /^(0100007F|00000000000000000000000001000000):/ {print $2}' /proc/net/tcp /proc/net/tcp6 "
    "| sed 's/.*://' | sort -u": "0050\n01BB",
    "nft list chain inet wod input | grep -c 'policy drop'": "1",
    "nft list chain inet wod output | grep -c 'skuid 20001-20100'": "1",
    "fail2ban-client status wod-hub | grep -c 'Currently banned'": "1",
    "readlink /opt/wod/*/current | wc -l": "5",
}
#: Before anybody has registered: no seat has a password.
AT_FIRST = {"grep '^student' /etc/shadow | cut -d: -f2 | sort -u": "!\\*?"}
