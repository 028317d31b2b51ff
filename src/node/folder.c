#include "node/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

/* As `mkdir -p`; errno tells why not. Those above may be looked into by others: nothing of ours lies there. */
static bool
make_with_parents(const char *dir)
{
	size_t len = strlen(dir);
	char *path;
	bool ok = true;

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return true;
	if (errno != ENOENT || len == 0)
		return false;
	while (len > 1 && dir[len - 1] == '/')
		len--;
	path = lt_str_dup(lt_str_of(dir, len));
	for (char *at = path; ok && (at = strchr(at + 1, '/')) != NULL; *at = '/') {
		*at = '\0';
		ok = mkdir(path, 0755) == 0 || errno == EEXIST;
	}
	free(path);
	return ok && (mkdir(dir, 0700) == 0 || errno == EEXIST);
}

bool
node_folder_make(const char *dir, struct lt_err *err)
{
	struct stat st;

	if (!make_with_parents(dir))
		return lt_fail(err, LT_E_FILE_IO, "data folder %s cannot be made: %s", dir, strerror(errno));
	if (stat(dir, &st) != 0)
		return lt_fail(err, LT_E_FILE_IO, "data folder %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return lt_fail(err, LT_E_FILE_IO, "%s is not a folder", dir);
	if (st.st_uid != geteuid())
		return lt_fail(err, LT_E_FILE_IO, "data folder %s belongs to another user (uid %u)", dir, st.st_uid);
	if ((st.st_mode & 077) != 0)
		return lt_fail(err, LT_E_FILE_IO,
		    "data folder %s is open to others (mode %03o, wanted 700): chmod 700 it", dir,
		    (unsigned)st.st_mode & 0777);
	return true;
}

/* Files have a name for a moment where the file system knows none without (change/scratch.c). */
static bool
remove_leftovers(DIR *folder, const char *path, struct lt_err *err)
{
	const struct dirent *e;

	while ((e = readdir(folder)) != NULL) {
		const char *end = strrchr(e->d_name, '.');

		if (strncmp(e->d_name, "lutra-", 6) == 0 && end != NULL && strcmp(end, ".spill") == 0 &&
		    unlinkat(dirfd(folder), e->d_name, 0) != 0)
			return lt_fail(
			    err, LT_E_FILE_IO, "%s/%s cannot be removed: %s", path, e->d_name, strerror(errno));
	}
	return true;
}

bool
node_folder_spill(const char *dir, char **ret, struct lt_err *err)
{
	struct lt_buf path = { 0 };
	DIR *folder;
	bool ok = false;

	lt_buf_printf(&path, "%s/spill", dir);
	folder = opendir(lt_buf_cstr(&path));
	if (folder == NULL && errno != ENOENT) {
		lt_fail(err, LT_E_FILE_IO, "%s: %s", lt_buf_cstr(&path), strerror(errno));
		goto out;
	}
	if (folder != NULL && !remove_leftovers(folder, lt_buf_cstr(&path), err))
		goto out;
	*ret = lt_strdup(lt_buf_cstr(&path));
	ok = true;
out:
	if (folder != NULL)
		closedir(folder);
	lt_buf_free(&path);
	return ok;
}

bool
node_folder_relay(const char *dir, const char *site, char **ret, struct lt_err *err)
{
	struct lt_buf path = { 0 };
	bool ok;

	lt_buf_printf(&path, "%s/relay", dir);
	ok = mkdir(lt_buf_cstr(&path), 0700) == 0 || errno == EEXIST ||
	     lt_fail(err, LT_E_FILE_IO, "%s cannot be made: %s", lt_buf_cstr(&path), strerror(errno));
	lt_buf_printf(&path, "/%s", site);
	if (ok)
		*ret = lt_strdup(lt_buf_cstr(&path));
	lt_buf_free(&path);
	return ok;
}

bool
node_folder_socket(const char *dir, struct sockaddr_un *out, int *fd, struct lt_err *err)
{
	int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (d < 0)
		return lt_fail(err, LT_E_NOT_RUNNING, "data folder %s: %s", dir, strerror(errno));
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/control.sock", d);
	*fd = d;
	return true;
}
