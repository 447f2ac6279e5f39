/*
 * The first process of the system that the test of the whole chain builds. It loads the modules that it was given, finds
 * the filesystems ROOT and OEM by their labels, reads kurma.yml, starts the service that it names from its container
 * image, tells on the console what it found, and powers off.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	printf("kurma-init: ");
	vprintf(format, list);
	printf("\n");
	fflush(stdout);
	va_end(list);
}

static void end(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void fail(const char *what, const char *name)
{
	say("FAILED: %s %s: %m", what, name);
	end();
}

static void load(const char *folder, const char *path)
{
	char whole[4096];
	int file;

	snprintf(whole, sizeof(whole), "%s/%s", folder, path);
	file = open(whole, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		fail("cannot open the module", whole);
	/* One that is there already is fine. */
	syscall(SYS_finit_module, file, "", 0);
	close(file);
}

/* Loads every module in the list, each behind those that it needs: "PATH: NEED NEED ...", the first need last. */
static void load_modules(void)
{
	struct utsname name;
	char folder[512], list[1024], *line = NULL;
	size_t room = 0;
	FILE *file;

	uname(&name);
	snprintf(folder, sizeof(folder), "/lib/modules/%s", name.release);
	snprintf(list, sizeof(list), "%s/modules.dep", folder);
	file = fopen(list, "re");
	if (!file)
		fail("cannot open", list);
	while (getline(&line, &room, file) > 0) {
		char *needs[64], *colon = strchr(line, ':'), *word;
		int count = 0;

		line[strcspn(line, "\n")] = 0;
		if (!colon)
			continue;
		*colon = 0;
		for (word = strtok(colon + 1, " "); word && count < 64; word = strtok(NULL, " "))
			needs[count++] = word;
		while (count > 0)
			load(folder, needs[--count]);
		load(folder, line);
	}
	free(line);
	fclose(file);
}

/* Whether the device has an ext4 filesystem of that label (its superblock is at byte 1024). */
static int is_labelled(const char *device, const char *label)
{
	unsigned char block[1024];
	int file = open(device, O_RDONLY | O_CLOEXEC), good;

	if (file < 0)
		return 0;
	good = pread(file, block, sizeof(block), 1024) == sizeof(block) && block[56] == 0x53 && block[57] == 0xef &&
	       strncmp((char *)block + 120, label, 16) == 0;
	close(file);
	return good;
}

/* Mounts the filesystem of that label; devices appear when their drivers have found them. */
static void mount_label(const char *label, const char *at, unsigned long flags)
{
	int tries;

	for (tries = 0; tries < 200; tries++) {
		DIR *list = opendir("/sys/class/block");
		struct dirent *entry;

		while (list && (entry = readdir(list))) {
			char device[300];

			snprintf(device, sizeof(device), "/dev/%s", entry->d_name);
			if (entry->d_name[0] == '.' || !is_labelled(device, label))
				continue;
			mkdir(at, 0755);
			if (mount(device, at, "ext4", flags, NULL))
				fail("cannot mount", device);
			say("%s is %s", label, device);
			closedir(list);
			return;
		}
		if (list)
			closedir(list);
		usleep(50000);
	}
	fail("no filesystem has the label", label);
}

/* The value behind "KEY:" at the beginning of a line. */
static void setting(const char *path, const char *key, char *value, size_t room)
{
	char line[512];
	FILE *file = fopen(path, "re");
	size_t length = strlen(key);

	if (!file)
		fail("cannot open", path);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, length) || line[length] != ':')
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(value, room, "%s", line + length + 1 + strspn(line + length + 1, " "));
		fclose(file);
		return;
	}
	fail("no such key in kurma.yml:", key);
}

static void parents(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
}

/* Unpacks the folders and files of a container image, a tar archive that is not compressed, into a folder. */
static void unpack(const char *image, const char *folder)
{
	unsigned char header[512];
	FILE *file = fopen(image, "re");

	if (!file)
		fail("cannot open", image);
	while (fread(header, 1, 512, file) == 512 && header[0]) {
		char name[101] = "", octal[13] = "", path[512];
		unsigned long size, mode;
		char kind = header[156];

		memcpy(name, header, 100);
		memcpy(octal, header + 124, 12);
		size = strtoul(octal, NULL, 8);
		memset(octal, 0, sizeof(octal));
		memcpy(octal, header + 100, 8);
		mode = strtoul(octal, NULL, 8);
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		parents(path);
		if (kind == '5') {
			mkdir(path, mode);
		} else if (kind == '0' || kind == 0) {
			unsigned long left = size;
			FILE *out = fopen(path, "we");

			if (!out)
				fail("cannot write", path);
			while (left) {
				char bytes[4096];
				size_t part = left < sizeof(bytes) ? left : sizeof(bytes);

				if (fread(bytes, 1, part, file) != part || fwrite(bytes, 1, part, out) != part)
					fail("cannot unpack", path);
				left -= part;
			}
			fclose(out);
			chmod(path, mode);
			size = 0 - size;
			fseek(file, size % 512, SEEK_CUR);
			continue;
		}
		fseek(file, (size + 511) / 512 * 512, SEEK_CUR);
	}
	fclose(file);
}

/* The first word of the manifest's "exec". */
static void program(const char *folder, char *value, size_t room)
{
	char path[512], text[8192], *begin, *stop;
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "%s/manifest", folder);
	file = fopen(path, "re");
	if (!file)
		fail("cannot open", path);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = 0;
	fclose(file);
	begin = strstr(text, "\"exec\"");
	begin = begin ? strchr(begin, '[') : NULL;
	begin = begin ? strchr(begin, '"') : NULL;
	stop = begin ? strchr(begin + 1, '"') : NULL;
	if (!stop)
		fail("no exec in", path);
	*stop = 0;
	snprintf(value, room, "%s", begin + 1);
}

/* Runs the service from its image, in its own root, to its end. */
static int serve(const char *name)
{
	char image[256], folder[256], root[300], path[512];
	int status = -1;
	pid_t child;

	snprintf(image, sizeof(image), "/acis/%s.aci", name);
	snprintf(folder, sizeof(folder), "/run/%s", name);
	snprintf(root, sizeof(root), "%s/rootfs", folder);
	mkdir("/run", 0755);
	mkdir(folder, 0755);
	unpack(image, folder);
	program(folder, path, sizeof(path));
	child = fork();
	if (child == 0) {
		if (chroot(root) || chdir("/"))
			fail("cannot enter", root);
		execl(path, path, name, (char *)NULL);
		fail("cannot run", path);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
	char service[128], hostname[128], version[128];

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	/* /dev/console may not have been there when the kernel looked for it. */
	if (open("/dev/console", O_RDWR) >= 0) {
		dup2(open("/dev/console", O_RDWR), 1);
		dup2(1, 2);
	}
	say("started");
	load_modules();
	mount_label("ROOT", "/root", 0);
	mount_label("OEM", "/oem", MS_RDONLY);
	setting("/oem/kurma.yml", "service", service, sizeof(service));
	setting("/oem/kurma.yml", "hostname", hostname, sizeof(hostname));
	setting("/root/etc/kurma.yml", "version", version, sizeof(version));
	if (sethostname(hostname, strlen(hostname)))
		fail("cannot set the name", hostname);
	say("REPORT version=%s hostname=%s service=%s status=%d", version, hostname, service, serve(service));
	end();
}
