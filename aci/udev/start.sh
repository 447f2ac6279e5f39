#!/bin/sh
# The host's devices are those that are looked for.
set -e

mount --bind /host/proc/1/root/dev /dev
udevd &
udevadm trigger --type=subsystems --action=add
udevadm trigger --type=devices --action=add
udevadm settle
wait
