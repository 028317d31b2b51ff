/* Frames of the control socket from a hostile peer: decoded, and what is whole comes back the same. */
#include "fuzz/fuzz.h"
#include "node/frame.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lt_buf again = { 0 };
	struct lt_err err = { 0 };
	struct node_frame f;
	size_t used;

	if (node_frame_decode(lt_str_of(data, size), NODE_REQUEST_LIMIT, &f, &used, &err) == NODE_FRAME_WHOLE) {
		struct lt_err carried;

		LT_ASSERT(used <= size);
		node_frame_encode(&f, &again);
		LT_ASSERT(lt_str_eq(lt_buf_str(&again), lt_str_of(data, used)));
		node_frame_error_read(&f, &carried);
		LT_ASSERT(carried.code != LT_OK);
	}
	lt_buf_free(&again);
	return 0;
}
