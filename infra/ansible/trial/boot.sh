#!/bin/sh
# boot.sh BASE ROOM: becomes the init of a machine whose root is BASE, with everything it writes kept in ROOM.
# Called in namespaces of its own (mounts, processes, names, network, cgroups). Where neither a container engine nor a
# virtual machine can be had, systemd itself needs no more than this.
set -eu
base=$1 room=$2 root=$2/root
mount --make-rprivate /
mkdir -p "$room/written" "$room/work" "$root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$room/written,workdir=$room/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=755 cgroups "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/unified"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
  # the first is systemd's own; the others bound what its units take
  for hierarchy in name=systemd cpu memory pids; do
    folder="$root/sys/fs/cgroup/${hierarchy#name=}"
    mkdir "$folder"
    mount -t cgroup -o "none,$hierarchy" cgroup "$folder" 2>/dev/null || mount -t cgroup -o "$hierarchy" cgroup "$folder" || rmdir "$folder"
  done
fi
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty loop-control; do
  [ -e "/dev/$device" ] || continue
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal
