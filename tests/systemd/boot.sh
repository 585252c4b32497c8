#!/bin/bash
# Boots the machine's own systemd as process 1 of new namespaces, over a throw-away overlay of /.
# usage (root): unshare --mount --pid --fork --kill-child --cgroup --uts --ipc --net bash boot.sh SCRATCH APP CHECKOUT PACKAGES
# APP appears as /opt/syncd, CHECKOUT and PACKAGES read-only as /opt/syncd/checkout and /opt/syncd/packages, the files
# in APP/etc in /etc. Nothing outside SCRATCH is written to.
set -euo pipefail
scratch=$1 app=$2 checkout=$3 packages=$4
mount --make-rprivate /
mount -t tmpfs -o size=1g scratch "$scratch"
mkdir -p "$scratch"/{up,work,root}
mount -t overlay overlay -o lowerdir=/,upperdir="$scratch/up",workdir="$scratch/work" "$scratch/root"
root=$scratch/root

mount -t tmpfs -o mode=755,size=4m dev "$root/dev"
mkdir -p "$root"/dev/{shm,pts,mqueue,hugepages}
while read -r name major minor; do mknod -m 666 "$root/dev/$name" c "$major" "$minor"; done <<'NODES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
NODES
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 pts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx" # PrivateDevices= needs it

mkdir -p "$root/opt/syncd"
mount --bind "$app" "$root/opt/syncd"
mount --bind -o ro "$checkout" "$root/opt/syncd/checkout"
mount --bind -o ro "$packages" "$root/opt/syncd/packages"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sys "$root/sys"
mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
mount -t tmpfs tmp "$root/tmp"
mount -t tmpfs lib "$root/var/lib"

cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
mount --make-rshared / # without it credentials arrive empty

rm -rf /etc/systemd/system/*.wants /var/log/journal
cp -r --no-preserve=ownership /opt/syncd/etc/. /etc/
cat >/etc/systemd/system/syncd-test.target <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
UNIT
# What would change the machine itself (sysctl, modules, devices), clean up /tmp, or wait for what is not there.
for unit in systemd-{udevd,udev-trigger,sysctl,modules-load,remount-fs,random-seed,tmpfiles-setup,tmpfiles-setup-dev} \
    systemd-{networkd,resolved,timesyncd,logind,sysusers,update-utmp,binfmt,pstore} modprobe@ getty@tty1 console-getty; do
    ln -sf /dev/null "/etc/systemd/system/$unit.service"
done
ln -sf /dev/null /etc/systemd/system/systemd-tmpfiles-clean.timer
export container=unshare
unset NOTIFY_SOCKET XDG_RUNTIME_DIR
ip link set lo up 2>/dev/null || true
exec /lib/systemd/systemd --system --unit=syncd-test.target
