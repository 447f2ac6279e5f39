/* The first program of the kernel's proof: tries what a host of containers needs of its kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

static void tell(const char *what, int failed)
{
    printf("kernel-proof: %s: %s\n", what, failed ? strerror(errno) : "yes");
    failures += failed != 0;
}

/* In a child, which gives up its rights over the machine with that. */
static int isolate(void)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
                      | CLONE_NEWUSER | CLONE_NEWCGROUP) ? errno : 0);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    return errno;
}

int main(void)
{
    static const char *const known[] = {
        "ext4", "vfat", "squashfs", "overlay", "tmpfs", "cgroup2",
    };
    char line[256], name[64];
    struct utsname kernel;
    unsigned int i, found = 0;
    FILE *list;

    setvbuf(stdout, NULL, _IONBF, 0);
    uname(&kernel);
    printf("kernel-proof: Linux %s\n", kernel.release);
    tell("proc", mount("proc", "/proc", "proc", 0, NULL));
    tell("sysfs", mount("sys", "/sys", "sysfs", 0, NULL));
    tell("cgroup2", mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL));
    tell("tmpfs", mount("none", "/mnt", "tmpfs", 0, NULL));
    tell("folders", mkdir("/mnt/upper", 0755) || mkdir("/mnt/work", 0755) || mkdir("/mnt/all", 0755));
    tell("overlay", mount("none", "/mnt/all", "overlay", 0,
                          "lowerdir=/sbin,upperdir=/mnt/upper,workdir=/mnt/work"));
    tell("a file through it", access("/mnt/all/init", X_OK));
    tell("namespaces", isolate());
    tell("sockets", socket(AF_INET, SOCK_STREAM, 0) < 0 || socket(AF_INET6, SOCK_STREAM, 0) < 0);
    list = fopen("/proc/filesystems", "r");
    while (list && fgets(line, sizeof line, list))
        for (i = 0; i < sizeof known / sizeof *known; i++)
            if (sscanf(line, "nodev %63s", name) == 1 || sscanf(line, "%63s", name) == 1)
                found += strcmp(name, known[i]) == 0;
    errno = ENODEV;
    tell("filesystems", found != sizeof known / sizeof *known);
    printf("kernel-proof: %s\n", failures ? "something is missing" : "all is well");
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
