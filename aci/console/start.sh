#!/bin/sh
# Keys for SSH, a password if one is given, and a shell on each console.
set -e

mkdir -p /var/run/sshd
if command -v ssh-keygen >/dev/null; then
    ssh-keygen -A
fi

if [ -n "$CONSOLE_PASSWORD" ]; then
    echo "root:$CONSOLE_PASSWORD" | chpasswd
fi

if [ -n "$CONSOLE_KEYS" ]; then
    mkdir -p /root/.ssh
    chmod 700 /root/.ssh
    echo "$CONSOLE_KEYS" >/root/.ssh/authorized_keys
    chmod 600 /root/.ssh/authorized_keys
fi

if [ -x /usr/sbin/sshd ]; then
    /usr/sbin/sshd
fi

for console in ttyS0 tty2; do
    if [ -c "/dev/$console" ]; then
        (while true; do getty -L "$console" 115200 vt100 || sleep 5; done) &
    fi
done
exec getty -L tty1 115200 linux
