/* serve.c - the server that `shim start` leaves behind. */
#include "base/file.h"
#include "base/log.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/shim.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SERVER_FD 3

/* containerd reads the FIFO "log" of the bundle, which is where we were started: it becomes our
 * stderr, opened for both so that writing neither waits nor kills when nobody reads. */
static void log_to_bundle(bool debug)
{
	struct log_options o = { .level = debug ? LOG_DEBUG : LOG_WARN };
	auto_close int fd = open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
	log_open(&o, NULL);
}

static int check_listener(struct err *e)
{
	int on = 0;
	socklen_t n = sizeof(on);
	if (getsockopt(SERVER_FD, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) < 0 || !on)
		return refuse(e, EINVAL, "a shim is started by `start`, with its socket as fd 3");
	return fcntl(SERVER_FD, F_SETFD, FD_CLOEXEC) < 0 ? fail(e, errno, "fd 3") : 0;
}

int shim_server(const struct shim_args *a, struct err *e)
{
	int rc = check_listener(e);
	const char *socket = getenv("CORACLE_SOCKET"), *events = getenv("TTRPC_ADDRESS");
	if (rc < 0)
		return rc;
	prctl(PR_SET_NAME, "containerd-shim");
	umask(0022);
	log_to_bundle(a->debug);
	if (chdir("/") < 0)
		return fail(e, errno, "go to /");
	const struct shim_options o = { .namespace_ = a->namespace_,
					.socket = socket ? socket : "",
					.events = events ? events : "",
					.listener = SERVER_FD };
	rc = shim_serve(&o, e);
	if (rc < 0)
		log_error("shim %s: %s", a->id, e->msg);
	return rc;
}
