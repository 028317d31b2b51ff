/* Precision, scale, bytes: a coded error, or a text with exactly the scale's digits. */
#include "binlog/decimal.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[BINLOG_DECIMAL_TEXT];
	struct lt_err err = { 0 };
	size_t len;

	if (size < 2)
		return 0;
	if (!binlog_decimal_text(lt_str_of(data + 2, size - 2), data[0], data[1], text, &len, &err)) {
		LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
		return 0;
	}
	LT_ASSERT(len == strlen(text) && len < sizeof(text));
	LT_ASSERT(data[1] == 0 ? strchr(text, '.') == NULL : text[len - data[1] - 1] == '.');
	return 0;
}
