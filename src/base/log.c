#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

static void
write_line(enum lt_level level, const char *text)
{
	static const char *const names[] = { "error", "warn", "info" };
	struct lt_buf line = { 0 };
	char when[32];
	ssize_t n;

	lt_time_text(lt_wall_us(lt_clock_real()), when);
	lt_buf_printf(&line, "%s %s ", when, names[level]);
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			lt_buf_printf(&line, "\\x%02x", (unsigned char)*p);
		else
			lt_buf_c(&line, *p);
	}
	lt_buf_c(&line, '\n');
	n = write(STDERR_FILENO, line.ptr, line.len); /* one call, so that lines of threads do not mix */
	(void)n;
	lt_buf_free(&line);
}

void
lt_log(enum lt_level level, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	write_line(level, text);
}
