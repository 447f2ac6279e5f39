#!/bin/sh
# Connects the container whose id and network namespace are given: the configuration comes on the standard input.
set -e
export CNI_COMMAND=ADD CNI_CONTAINERID="$1" CNI_NETNS="$2" CNI_IFNAME="$3" CNI_PATH=/usr/bin
exec "/usr/bin/$CNI_PLUGIN"
