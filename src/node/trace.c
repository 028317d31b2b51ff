#include "node/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

/* Immutable once made. */
struct node_trace {
	struct lt_buf path, line;
};

struct node_trace *
node_trace_new(const char *dir, const struct model_channel *channel, size_t index)
{
	struct node_trace *t = lt_new(struct node_trace);

	lt_buf_printf(&t->path, "%s/begun.%zu", dir, index + 1);
	lt_buf_printf(&t->line, "%s %s\n", channel->name, channel->pipelines[index].name);
	return t;
}

void
node_trace_free(struct node_trace *t)
{
	if (t == NULL)
		return;
	lt_buf_free(&t->path);
	lt_buf_free(&t->line);
	free(t);
}

/* What is cut, or is of another channel that used the folder, says nothing. */
static bool
has_begun(void *ctx)
{
	struct node_trace *t = ctx;
	char text[512];
	ssize_t n = -1;
	int fd = open(lt_buf_cstr(&t->path), O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	return n >= 0 && lt_str_eq(lt_str_of(text, (size_t)n), lt_buf_str(&t->line));
}

static void
note_begun(void *ctx)
{
	struct node_trace *t = ctx;
	int fd;

	if (has_begun(t))
		return;
	fd = open(lt_buf_cstr(&t->path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, t->line.ptr, t->line.len) != (ssize_t)t->line.len)
		lt_log(LT_LOG_WARN, "%s cannot be written: %s", lt_buf_cstr(&t->path), strerror(errno));
	if (fd >= 0)
		close(fd);
}

struct pipeline_trace
node_trace_ops(struct node_trace *t)
{
	return (struct pipeline_trace){ .has_begun = has_begun, .note_begun = note_begun, .ctx = t };
}
