#!/bin/sh
# Configures and compiles a Linux kernel: a fragment over `make allnoconfig`, patches first.
#
#   build.sh SOURCE FRAGMENT PATCHES OUT
#
#   SOURCE    an unpacked kernel source, which is patched in place
#   FRAGMENT  lines of a kernel configuration, all of which must hold in the end
#   PATCHES   a folder; its *.patch files are applied in the order of their names
#   OUT       a new folder: bzImage, System.map, config, modules.tar. It is compiled in OUT.build, which is left after a
#             failure: the next run goes on there
#
# JOBS is the number of compilers at a time, SOURCE_DATE_EPOCH the time that the kernel says it was built at.
# Needs make, gcc, binutils, bc, bison, flex, perl, patch, kmod, tar, and the headers of libelf and OpenSSL.
set -eu

die() {
    echo "build.sh: $*" >&2
    exit 1
}

[ $# -eq 4 ] || die "usage: build.sh SOURCE FRAGMENT PATCHES OUT"
source=$(cd "$1" && pwd) || die "$1 is no folder"
[ -f "$source/Kbuild" ] || die "$1 is no kernel source: it has no Kbuild"
[ -f "$2" ] || die "$2 is no file"
[ -d "$3" ] || die "$3 is no folder"
[ ! -e "$4" ] || die "$4 is there already; name a new folder"
fragment=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
patches=$(cd "$3" && pwd)
out=$(cd "$(dirname "$4")" && pwd)/$(basename "$4")
build=$out.build
jobs=${JOBS:-$(nproc)}
epoch=${SOURCE_DATE_EPOCH:-1}

# The same source gives the same kernel, whoever compiles it and when.
KBUILD_BUILD_TIMESTAMP=$(LC_ALL=C date -u -d "@$epoch")
KBUILD_BUILD_USER=kurmaos
KBUILD_BUILD_HOST=kurmaos
KBUILD_BUILD_VERSION=1
LC_ALL=C
TZ=UTC
export KBUILD_BUILD_TIMESTAMP KBUILD_BUILD_USER KBUILD_BUILD_HOST KBUILD_BUILD_VERSION LC_ALL TZ

kernel() {
    make -C "$source" O="$build" ARCH=x86_64 "$@"
}

# A source that is compiled again has its patches already.
apply_patches() {
    for patch in "$patches"/*.patch; do
        [ -e "$patch" ] || continue
        name=$(basename "$patch")
        if patch -d "$source" -p1 -R -f -s --dry-run <"$patch" >/dev/null 2>&1; then
            echo "== $name is applied already"
            continue
        fi
        echo "== $name"
        patch -d "$source" -p1 -f -s <"$patch" || die "$name does not apply to $source"
    done
}

# Prints the lines of the fragment that the configuration has lost: `NAME=n` may also be left out.
lost() {
    grep -E '^CONFIG_[A-Za-z0-9_]+=' "$fragment" | while IFS= read -r line; do
        name=${line%%=*}
        case $line in
        *=n) ! grep -q "^$name=" "$build/.config" || echo "$line" ;;
        *) grep -qxF -- "$line" "$build/.config" || echo "$line" ;;
        esac
    done
}

configure() {
    KCONFIG_ALLCONFIG=$fragment
    export KCONFIG_ALLCONFIG
    kernel -s allnoconfig
    unset KCONFIG_ALLCONFIG
    kernel -s olddefconfig
    missing=$(lost)
    [ -z "$missing" ] || die "this kernel does not take these lines of $fragment:
$missing
Each is unknown to it, or needs another option that is not named."
}

install_files() {
    release=$(kernel -s kernelrelease)
    rm -rf "$build/modules.install"
    kernel -s modules_install INSTALL_MOD_PATH="$build/modules.install" INSTALL_MOD_STRIP=1
    # Links to folders of the machine that compiled.
    rm -f "$build/modules.install/lib/modules/$release/build" \
        "$build/modules.install/lib/modules/$release/source"
    mkdir "$out.partial"
    cp "$build/arch/x86/boot/bzImage" "$build/System.map" "$out.partial/"
    cp "$build/.config" "$out.partial/config"
    tar -C "$build/modules.install" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" \
        --format=gnu -cf "$out.partial/modules.tar" lib
    mv "$out.partial" "$out"
}

rm -rf "$out.partial"
mkdir -p "$build"
apply_patches
configure
[ -z "${CONFIGURE_ONLY:-}" ] || exit 0
kernel -j "$jobs" bzImage modules
install_files
rm -rf "$build"
echo "== $out: Linux $release"
