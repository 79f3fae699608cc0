/* serve.c - the server that `shim start` leaves behind. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/crash.h"
#include "ttrpc/shim.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SERVER_FD     3
#define LEASE	      30 /* seconds */
#define LEASE_LONGEST 86400

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

static uint64_t lease_ms(void)
{
	const char *text = getenv("CORACLE_SHIM_LEASE");
	double seconds = LEASE;
	if (text &&
	    (duration_parse(text, &seconds) < 0 || seconds <= 0 || seconds > LEASE_LONGEST)) {
		log_warn("CORACLE_SHIM_LEASE: '%s' is no time of more than 0 and at most 24h, such "
			 "as 30s; it is %ds",
			 text, LEASE);
		seconds = LEASE;
	}
	return (uint64_t)(seconds * 1000) + 1;
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
	crash_tell();
	if (chdir("/") < 0)
		return fail(e, errno, "go to /");
	const struct shim_options o = { .namespace_ = a->namespace_,
					.socket = socket ? socket : "",
					.events = events ? events : "",
					.listener = SERVER_FD,
					.lease_ms = lease_ms() };
	rc = shim_serve(&o, e);
	return rc < 0 ? within(e, "shim %s", a->id) : 0;
}
