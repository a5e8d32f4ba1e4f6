#!/bin/sh
# Process 1 of the guest until systemd is: what the kernel mounted is the host's file system, read-only and seen by a user
# who owns nothing there. Makes a root in memory, with /usr from the host, lets go of the rest, and becomes systemd.
set -e
mount -n -t proc proc /proc
share=$(sed -n 's/.*share=\([^ ]*\).*/\1/p' /proc/cmdline)
mount -n -t tmpfs -o mode=755 tmpfs /mnt
cd /mnt
mkdir -p usr etc/systemd/system etc/sipbridge var tmp run proc sys dev root srv/test old
chmod 1777 tmp
for name in bin sbin lib lib64; do ln -s "usr/$name" "$name"; done
mount -n --bind /usr usr
mount -n --bind "$share" srv/test
mount -n --bind "$share/bin" usr/local/bin
cp /etc/ld.so.cache /etc/nsswitch.conf etc/
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' > etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\ntty:x:5:\n' > etc/group
echo 0123456789abcdef0123456789abcdef > etc/machine-id
cp srv/test/units/* etc/systemd/system/
cp srv/test/sipbridge.env etc/sipbridge/
ln -s story.target etc/systemd/system/default.target
# No hardware is to be waited for, and nothing is to be remembered.
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
  systemd-hwdb-update.service systemd-random-seed.service systemd-update-utmp.service systemd-machine-id-commit.service \
  systemd-firstboot.service systemd-journal-flush.service systemd-pstore.service; do
  ln -s /dev/null "etc/systemd/system/$unit"
done
mount -n --move /proc proc
mount -n --move /dev dev
pivot_root . old
umount -n -l /old
exec /usr/lib/systemd/systemd --log-target=journal --show-status=no systemd.unified_cgroup_hierarchy=1
