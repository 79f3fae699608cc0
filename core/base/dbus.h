/* dbus.h - a client of D-Bus: calls, their answers, and the signals that come meanwhile. Whatever
 * waits has a deadline. */
#ifndef BASE_DBUS_H
#define BASE_DBUS_H

#include "base/dbuswire.h"
#include "base/err.h"

struct dbus {
	int fd;
	int timeout_ms; /* of each wait */
	uint32_t serial;
	struct buf in, out;
	size_t used; /* of in: the message that was returned last */
	/* Signals that come while an answer is waited for; may be NULL. */
	void (*on_signal)(void *arg, const struct dbus_message *m);
	void *arg;
};

/* Connects to the unix socket at path and says who we are. A bus has a greeting as well, a peer
 * that speaks for itself alone has none. To be closed, also after a failure. */
int dbus_open(struct dbus *d, const char *path, bool bus, int timeout_ms, struct err *e);
void dbus_close(struct dbus *d);

/* The path in an address such as "unix:path=/run/dbus/system_bus_socket,guid=1;...", of the first
 * that has one; -EINVAL. */
int dbus_address(const char *address, char *out, size_t size);

/* Sends; the answer is the caller's to wait for, if there is to be one. Its serial, or -errno. */
int64_t dbus_send(struct dbus *d, const struct dbus_call *c, struct err *e);

/* Sends and waits for the answer, which is there until the next one is. An answer that is an error
 * is -EREMOTEIO: e has its words, and reply its name. -ETIMEDOUT when none came. */
int dbus_ask(struct dbus *d, const struct dbus_call *c, struct dbus_message *reply, struct err *e);

/* Waits until done says so, which is asked after each signal. */
int dbus_wait(struct dbus *d, bool (*done)(void *arg), struct err *e);

#endif
