#include "node/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "base/log.h"
#include "node/metrics.h"

enum { PATIENCE_S = 10, MAX_HEADER_BYTES = 8192 };

struct node_http {
	struct node *node;     /* borrowed */
	struct evhttp *server; /* owned */
};

static bool
is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool
node_http_address(const char *listen, char host[64], uint16_t *port, struct lt_err *err)
{
	const char *colon = strrchr(listen, ':');
	struct lt_str name;
	uint64_t n = 0;

	if (colon == NULL || !lt_str_u64(lt_str_z(colon + 1), &n) || n > UINT16_MAX)
		return lt_fail(err, LT_E_USAGE, "--listen %s: ADDR:PORT is wanted", listen);
	name = lt_str_of(listen, (size_t)(colon - listen));
	if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
		name = lt_str_of(name.ptr + 1, name.len - 2);
	if (lt_str_eqz(name, "localhost"))
		name = LT_STR("127.0.0.1");
	lt_str_copy(host, 64, name);
	if (name.len >= 64 || !is_loopback(host))
		return lt_fail(err, LT_E_USAGE,
		    "--listen %s: only loopback addresses (127.0.0.1, [::1], localhost), since nobody has to log in",
		    listen);
	*port = (uint16_t)n;
	return true;
}

static void
reply(struct evhttp_request *r, int status, const char *type, const struct lt_buf *body)
{
	struct evbuffer *out = evbuffer_new();

	LT_ASSERT(out != NULL);
	evbuffer_add(out, body->ptr, body->len);
	evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", type);
	evhttp_send_reply(r, status, NULL, out);
	evbuffer_free(out);
}

static void
on_metrics(struct evhttp_request *r, void *arg)
{
	struct node_http *h = arg;
	struct lt_buf text = { 0 };
	struct node_view v = { 0 };

	node_view_get(h->node, &v);
	node_metrics_text(&v, &text);
	reply(r, HTTP_OK, "text/plain; version=0.0.4", &text);
	lt_buf_free(&text);
	node_view_clear(&v);
}

static void
on_health(struct evhttp_request *r, void *arg)
{
	struct node_http *h = arg;
	struct lt_buf text = { 0 };
	struct node_view v = { 0 };
	bool well;

	node_view_get(h->node, &v);
	well = node_health_json(&v, &text);
	reply(r, well ? HTTP_OK : HTTP_SERVUNAVAIL, "application/json", &text);
	lt_buf_free(&text);
	node_view_clear(&v);
}

static void
log_address(struct evhttp_bound_socket *bound, const char *host)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	bool v6;

	if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&addr, &len) != 0)
		return;
	v6 = addr.ss_family == AF_INET6;
	lt_log(LT_LOG_INFO, "listening on http://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
	    ntohs(v6 ? ((struct sockaddr_in6 *)&addr)->sin6_port : ((struct sockaddr_in *)&addr)->sin_port));
}

bool
node_http_open(const char *listen, struct event_base *loop, struct node *n, struct node_http **ret, struct lt_err *err)
{
	struct evhttp_bound_socket *bound;
	struct node_http *h;
	char host[64];
	uint16_t port;

	if (!node_http_address(listen, host, &port, err))
		return false;
	h = lt_new(struct node_http);
	h->node = n;
	h->server = evhttp_new(loop);
	LT_ASSERT(h->server != NULL);
	evhttp_set_timeout(h->server, PATIENCE_S);
	evhttp_set_max_headers_size(h->server, MAX_HEADER_BYTES);
	evhttp_set_max_body_size(h->server, 0);
	evhttp_set_allowed_methods(h->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_cb(h->server, "/metrics", on_metrics, h);
	evhttp_set_cb(h->server, "/health", on_health, h);
	bound = evhttp_bind_socket_with_handle(h->server, host, port);
	if (bound == NULL) {
		lt_fail(err, LT_E_FILE_IO, "cannot listen on %s: %s", listen, strerror(errno));
		node_http_free(h);
		return false;
	}
	log_address(bound, host);
	*ret = h;
	return true;
}

void
node_http_free(struct node_http *h)
{
	if (h == NULL)
		return;
	evhttp_free(h->server);
	free(h);
}
